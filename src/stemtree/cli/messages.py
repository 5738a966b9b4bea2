"""Messages and progress bars on the terminal."""

import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from stemtree.errors import StemtreeError
from stemtree.memory import is_out_of_memory

if TYPE_CHECKING:
    from rich.console import RenderableType

_REVERSING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that change the direction of text, so that a name looks like another one."""


def say(text: object, *, error: bool = False) -> None:
    """Print text on standard output, or on standard error; its lines may hold any names.

    Parameters
    ----------
    text : object
        What is printed, see `printable`.
    error : bool
        Print on standard error, as a message of the program.
    """
    if error:
        print(f"stemtree: {one_line(text)}", file=sys.stderr, flush=True)
    else:
        print(printable(text, keep="\n\t"), flush=True)


def show(drawing: "RenderableType", width: int = 10_000) -> None:
    """Print a table or a tree on standard output; a tree's lines are cut at the width, and long names with them."""
    from rich.console import Console

    Console(highlight=False, width=width, emoji=False).print(drawing)


def markup(name: object) -> str:
    """A name as text of rich's tables and trees."""
    from rich.markup import escape

    return escape(printable(name))


def printable(text: object, keep: str = "") -> str:
    r"""Text with escapes in place of what a terminal would act upon or cannot show, such as ``\x1b``.

    Parameters
    ----------
    text : object
        Such as a file name: bytes that are not UTF-8 become escapes too.
    keep : str
        Control characters to leave as they are.
    """
    return "".join(character if character in keep else _escape(character) for character in str(text))


def one_line(message: object) -> str:
    """A message as one printable line, even if it quotes file names with line breaks or invalid characters."""
    return printable(" ".join(str(message).split()))


def explain(error: BaseException, doing: str = "") -> str:
    """One sentence on what went wrong, whatever was raised.

    Parameters
    ----------
    error : BaseException
        Errors of this package explain themselves.
    doing : str
        What failed, such as ``'song.wav' cannot be separated``.
    """
    if os.environ.get("STEMTREE_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    prefix = f"{doing}: " if doing else ""
    if isinstance(error, StemtreeError):
        return str(error)
    if is_out_of_memory(error):
        return f"{prefix}memory runs out: close other programs, or let this one have more"
    if isinstance(error, OSError) and error.strerror:
        name = f"'{os.fsdecode(error.filename)}': " if isinstance(error.filename, str | bytes) else ""
        return f"{prefix}{name}{error.strerror}; check the path, its permissions and the room on the disk"
    if isinstance(error, UnicodeEncodeError):
        return f"{prefix}the name '{error.object}' is not valid text: rename the file or folder"
    detail = f"{type(error).__name__}: {error}".rstrip(": .")
    return f"{prefix}{detail}; please report this, with what STEMTREE_TRACEBACK=1 in the environment prints"


@contextmanager
def warnings_as_notes(category: type[Warning]) -> Iterator[None]:
    """Print warnings of a category as one line each on stderr, once the block has ended."""
    notes: list[Warning | str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", category)
        show_warning = warnings.showwarning

        def collect(message: Warning | str, kind: type[Warning], *rest: Any, **options: Any) -> None:
            if issubclass(kind, category):
                notes.append(message)
            else:
                show_warning(message, kind, *rest, **options)

        warnings.showwarning = collect  # type: ignore[assignment]
        yield
    for note in notes:
        say(note, error=True)


@contextmanager
def stopped_by_user(advice: str = "") -> Iterator[None]:
    """On Ctrl-C print that the command stopped, and how to go on, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"stopped{'; ' if advice else ''}{advice}", error=True)
        raise typer.Exit(130) from None


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr; call what it yields with the amount done and the total, if known."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(markup(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python carries it through a name
        return f"\\x{code - 0xDC00:02x}"
    if character in _REVERSING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character
