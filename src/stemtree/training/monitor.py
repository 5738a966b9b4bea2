"""Where a run's messages and the progress of its preparations go."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

Progress = Callable[[int, int | None], None]
"""Called with the amount done and the total, if known."""


def _ignore(sentence: str) -> None:
    pass


def _no_bar(label: str) -> AbstractContextManager[Progress]:
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True, slots=True)
class Monitor:
    """Where messages and progress go; nowhere by default.

    Parameters
    ----------
    report : callable
        Called with each sentence that the user should read.
    progress : callable
        ``progress(label)`` is a context in which a `Progress` shows how far a task is.
    """

    report: Callable[[str], None] = _ignore
    progress: Callable[[str], AbstractContextManager[Progress]] = _no_bar
