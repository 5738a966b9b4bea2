import pytest

from stemtree.errors import OptionError
from stemtree.separation.time_range import TimeRange, to_time_range


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("0:12-0:18", 12, 18), ("12-18.5", 12, 18.5), (" 1:02:03 - 1:02:09.25 ", 3723, 3729.25), ("59-1:01", 59, 61)],
)
def test_stretches_of_time(text: str, start: float, end: float) -> None:
    read = to_time_range(text)
    assert read == TimeRange(start, end) == to_time_range((start, end))
    assert to_time_range(str(read)) == read


@pytest.mark.parametrize("text", ["", "0:12", "0:12-", "a-b", "-1-2", "1:2:3:4-5", "0:12/0:18"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(OptionError, match="is no stretch of time: write it as 0:12-0:18"):
        to_time_range(text)


@pytest.mark.parametrize("pair", [(1,), (1, 2, 3), ("a", "b"), None])
def test_what_is_no_pair(pair: object) -> None:
    with pytest.raises(OptionError, match="is no stretch of time: give two numbers of seconds"):
        to_time_range(pair)  # type: ignore[arg-type]


@pytest.mark.parametrize("pair", [(3, 3), (4, 3), (-1, 3), (0, float("inf")), (float("nan"), 3)])
def test_what_lasts_no_time(pair: tuple[float, float]) -> None:
    with pytest.raises(OptionError, match="let it end after it begins"):
        to_time_range(pair)
