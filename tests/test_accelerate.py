import inspect

from stemtree.accelerate import accelerated_by


def _fast(number: int) -> int:
    return number << 1


@accelerated_by(_fast)
def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


def test_the_fast_function_runs_and_the_plain_one_is_documented() -> None:
    assert double.fast is _fast and double.plain is not _fast
    assert double(3) == double.plain(3) == 6
    assert double.__doc__ == "Twice a number." and list(inspect.signature(double).parameters) == ["number"]
