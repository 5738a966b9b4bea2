"""Plain functions that run as faster twins."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Accelerated(Generic[P, R]):
    """A function that is written plainly and runs as a faster one with the same result.

    Parameters
    ----------
    plain : callable
        The definition, for readers and tests: ``Accelerated.plain``.
    fast : callable
        What a call runs, with the same parameters.
    """

    def __init__(self, plain: Callable[P, R], fast: Callable[P, R]) -> None:
        update_wrapper(self, plain)
        self.plain, self.fast = plain, fast

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the faster function."""
        return self.fast(*args, **kwargs)


def accelerated_by(fast: Callable[P, R]) -> Callable[[Callable[P, R]], Accelerated[P, R]]:
    """Run a plain function as a faster one, which lies in a module ``kernels`` and is tested against it.

    Rounding may differ between the two. The plain function is the definition; the faster one is what users get.

    Parameters
    ----------
    fast : callable
        Takes the same parameters.

    Examples
    --------
    >>> @accelerated_by(lambda number: number << 1)
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> double(3), double.plain(3)
    (6, 6)
    """

    def decorate(plain: Callable[P, R]) -> Accelerated[P, R]:
        return Accelerated(plain, fast)

    return decorate
