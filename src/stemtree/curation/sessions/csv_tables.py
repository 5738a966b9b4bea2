"""CSV tables with named columns: read with care, written whole or not at all."""

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from stemtree.errors import CorpusError
from stemtree.staging import whole_file, write_failure

_SEPARATORS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_SNIFFED = 1 << 16
"""How many characters are looked at for the separator."""


def read_table(
    file: str | os.PathLike[str], required: Iterable[str] = (), *, fallback: str | None = None
) -> list[dict[str, str]]:
    """Read a CSV file whose first line names the columns.

    Parameters
    ----------
    file : path-like
        In UTF-8, with or without a byte order mark, or in UTF-16; with commas, semicolons or tabs.
    required : iterable of str
        Columns that must be there, in lower case and with underscores for blanks, as all names of columns are returned.
    fallback : str, optional
        How a file is decoded that is not UTF-8.

    Returns
    -------
    list of dict
        The cells of each row by their columns, without blanks around them; ``""`` where a row is too short. Rows of
        nothing but blanks are left out.

    Raises
    ------
    CorpusError
        If the file cannot be read, is not UTF-8 and there is no fallback, is not CSV, or lacks a required column.
    """
    try:
        header, *rows = parse_foreign_rows(read_text(file, fallback=fallback)) or [[]]
    except csv.Error:
        encoding = "" if fallback else " in UTF-8"
        raise CorpusError(f"the table '{file}' is not CSV{encoding}: save it as that") from None
    columns = [name.strip().lower().replace(" ", "_") for name in header]
    if missing := [name for name in required if name not in columns]:
        raise CorpusError(f"the table '{file}' lacks the column '{missing[0]}': its first line must name it")
    blank = [""] * len(columns)
    cells = (list(map(str.strip, [*row, *blank[len(row) :]])) for row in rows)
    return [dict(zip(columns, row, strict=False)) for row in cells if any(row)]


def read_text(file: str | os.PathLike[str], kind: str = "table", fallback: str | None = None) -> str:
    """Read a file in UTF-8, with or without a byte order mark, or in UTF-16.

    Parameters
    ----------
    file : path-like
        What is read.
    kind : str
        What error messages call the file.
    fallback : str, optional
        The encoding of files that are not UTF-8; what it does not have either becomes a replacement character.

    Raises
    ------
    CorpusError
        If the file cannot be read, or is not UTF-8 and there is no fallback.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read the {kind} '{file}': {error.strerror}; check the path") from None
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError:
        if fallback is None:
            raise CorpusError(f"the {kind} '{file}' is not CSV in UTF-8: save it as that") from None
        return content.decode(fallback, "replace")


def parse_rows(text: str, separator: str = ",") -> list[list[str]]:
    """Split CSV into rows of cells, without empty lines; raises csv.Error if `text` is not CSV."""
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]


def parse_foreign_rows(text: str) -> list[list[str]]:
    """Split CSV with commas, semicolons or tabs between its cells; raises csv.Error if `text` is not CSV.

    Spreadsheets write semicolons in many countries. They count, or tabs, where they divide all of the first lines, and
    commas do not or into fewer cells, or where Excel's first line ``sep=;`` names them.
    """
    if named := _SEPARATOR_LINE.match(text):
        return parse_rows(text[named.end() :], named[1])
    cells = {one: [len(row) for row in parse_rows(text[:_SNIFFED], one)[:100]] or [1] for one in _SEPARATORS}
    return parse_rows(text, max(_SEPARATORS, key=lambda one: (min(cells[one]) > 1, median(cells[one]))))


def _encoding(content: bytes) -> str:
    """UTF-16 where a byte order mark says so, or every other byte of the start is zero; else UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(content) > 3 and not any(content[first:64:2]):
            return encoding
    return "utf-8-sig"


def format_table(columns: Iterable[str], rows: Iterable[Iterable[object]], line_end: str = "\r\n") -> str:
    """Format a header and rows as CSV; None becomes an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_table(
    file: Path,
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    line_end: str = "\r\n",
) -> None:
    """Write a CSV file whole or not at all.

    Parameters
    ----------
    file : pathlib.Path
        Its folder is made if it is missing.
    columns, rows, line_end
        As for `format_table`.

    Raises
    ------
    CorpusError
        If the file cannot be written.
    """
    write_text(file, format_table(columns, rows, line_end))


def write_text(file: Path, text: str) -> None:
    """Write a text in UTF-8 whole or not at all; raises CorpusError if it cannot be written."""
    write_texts({file: text})


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write texts, by their files, in UTF-8; none is replaced before all are written.

    Raises
    ------
    CorpusError
        If one cannot be written.
    """
    file = Path()
    try:
        with ExitStack() as stack:
            for file, text in texts.items():
                file.parent.mkdir(parents=True, exist_ok=True)
                partial = stack.enter_context(whole_file(file))
                partial.write_text(text, "utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise CorpusError(write_failure(file, error)) from None
