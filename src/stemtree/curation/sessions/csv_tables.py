"""Tables and texts on disk: read with care, written whole or not at all."""

import csv
import io
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from stemtree.errors import CorpusError


def read_table(file: str | os.PathLike[str], needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Read a CSV file with a header; names of columns are folded to lower case with underscores.

    Raises
    ------
    CorpusError
        If it cannot be read, is not UTF-8, or lacks a column.
    """
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text)
            columns = [(name or "").strip().lower().replace(" ", "_") for name in rows.fieldnames or ()]
            if missing := [name for name in needed if name not in columns]:
                raise CorpusError(f"the table '{file}' lacks the column '{missing[0]}': its first line must name it")
            rows.fieldnames = columns
            return [{key: (value or "").strip() for key, value in row.items() if key in columns} for row in rows]
    except OSError as error:
        raise CorpusError(f"cannot read the table '{file}': {error.strerror}; check the path") from None
    except (UnicodeDecodeError, csv.Error):
        raise CorpusError(f"the table '{file}' is not CSV in UTF-8: save it as that") from None


def write_table(file: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file; None is an empty cell.

    Raises
    ------
    CorpusError
        If it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    write_text(file, text.getvalue())


def write_text(file: Path, text: str) -> None:
    """Write under a temporary name, then rename; raises CorpusError if that cannot be done."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as target:
            target.write(text)
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise CorpusError(f"cannot write '{file}' ({error.strerror}): make room or choose another folder") from None
