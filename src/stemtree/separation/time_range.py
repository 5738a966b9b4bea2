"""Stretches of time as people write them: ``0:12-0:18``."""

import math
import re
from dataclasses import dataclass

from stemtree.errors import OptionError

_TIME = r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"\s*{_TIME}\s*-\s*{_TIME}\s*")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of a recording.

    Parameters
    ----------
    start, end : float
        In seconds.

    Raises
    ------
    OptionError
        If it does not end after it begins, or begins before 0.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.end) and 0 <= self.start < self.end):
            raise OptionError(f"no sound lasts from {self.start:g} s to {self.end:g} s: let it end after it begins")

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"


def to_time_range(given: str | tuple[float, float] | TimeRange) -> TimeRange:
    """Read a stretch of time.

    Parameters
    ----------
    given : str or (float, float)
        ``0:12-0:18``, with hours (``1:02:03-1:02:09``), or as seconds alone (``12-18.5``); or a pair of seconds.

    Raises
    ------
    OptionError
        If it is none.
    """
    if isinstance(given, TimeRange):
        return given
    if not isinstance(given, str):
        try:
            start, end = map(float, given)
        except (TypeError, ValueError):
            raise OptionError(f"{given!r} is no stretch of time: give two numbers of seconds") from None
        return TimeRange(start, end)
    found = _RANGE.fullmatch(given)
    if not found:
        raise OptionError(f"'{given}' is no stretch of time: write it as 0:12-0:18")
    values = [float(value or 0) for value in found.groups()]
    return TimeRange(_seconds(*values[:3]), _seconds(*values[3:]))


def _seconds(hours: float, minutes: float, seconds: float) -> float:
    return 3600 * hours + 60 * minutes + seconds


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds, 3), 60)
    return f"{minutes:.0f}:{left:06.3f}".rstrip("0").rstrip(".")
