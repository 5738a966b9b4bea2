"""Messages and progress bars on the terminal."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer


def one_line(message: object) -> str:
    """A message as one printable line, even if it quotes file names with line breaks or invalid characters."""
    return " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()


@contextmanager
def warnings_as_notes(category: type[Warning]) -> Iterator[None]:
    """Print warnings of a category as one line each on stderr, once the block has ended."""
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", category)
        show = warnings.showwarning

        def collect(message: Warning | str, kind: type[Warning], *rest: Any, **options: Any) -> None:
            if issubclass(kind, category):
                notes.append(one_line(message))
            else:
                show(message, kind, *rest, **options)

        warnings.showwarning = collect  # type: ignore[assignment]
        yield
    for note in notes:
        typer.echo(f"stemtree: {note}", err=True)


@contextmanager
def stopped_by_user(advice: str = "") -> Iterator[None]:
    """On Ctrl-C print that the command stopped, and how to go on, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"stemtree: stopped{'; ' if advice else ''}{advice}", err=True)
        raise typer.Exit(130) from None


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
