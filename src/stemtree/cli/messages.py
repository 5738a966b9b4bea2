"""How messages and progress look on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


def one_line(message: object) -> str:
    """A message as a single printable line, whatever names it quotes."""
    return " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar with the time left, on stderr so that stdout stays the result; takes what is done, and of how much."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
