"""Messages and progress bars on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


def one_line(message: object) -> str:
    """A message as one printable line, even if it quotes file names with line breaks or invalid characters."""
    return " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr; call what it yields with the amount done and the total, if known."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
