"""Parquet tables: read with care, written with the errors of the system.

A single wrong byte can make polars ask for more memory than there is, which ends the program. Tables that are written
here therefore hold a checksum, which is compared before polars sees them.
"""

import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.audio.stderr import silence_stderr

_CHECKSUM = "stemtree_crc32"
"""The key of the metadata under which eight hexadecimal digits stand: CRC-32 of the file with eight zeros there."""

_ZEROS = b"0" * 8
_PLACE = re.compile(re.escape(_CHECKSUM.encode()) + rb".{1,2}\x08(.{8})", re.DOTALL)
"""The key, the header of the next field, and the length and digits of the value (Thrift's compact protocol)."""


def read_parquet(
    file: Path,
    columns: Sequence[str] | None = None,
    schema: Mapping[str, pl.DataType] | None = None,
    filled: Sequence[str] = (),
) -> pl.DataFrame:
    """Read a table.

    Parameters
    ----------
    file : pathlib.Path
        The table.
    columns : sequence of str, optional
        Only these, all of which must be there.
    schema : mapping of str to polars.DataType, optional
        What columns hold, where they are there: they are converted, but for floats of another precision.
    filled : sequence of str
        Columns that hold no null, where they are there.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no table, damaged, lacks a column or holds something else in one.
    """
    content = _checked(file)
    with _only_value_errors():
        table = pl.read_parquet(content, columns=None if columns is None else list(columns))
        others = {
            name: kind
            for name, kind in (schema or {}).items()
            if name in table.columns and not (kind.is_float() and table.schema[name].is_float())
        }
        table = table.cast(others)  # type: ignore[arg-type]
    for name, kind in others.items():
        if table.schema[name] != kind:  # polars converts within a struct
            raise ValueError(f"'{file}' holds {table.schema[name]} in '{name}', not {kind}")
    for name in filled:
        if name in table.columns and table[name].has_nulls():
            raise ValueError(f"'{file}' lacks values in '{name}'")
    return table


def read_json_metadata(file: Path, key: str) -> Any:
    """Read what a table's metadata hold as JSON under a key; raises OSError and ValueError as `read_parquet` does."""
    content = _checked(file)
    with _only_value_errors():
        return json.loads(pl.read_parquet_metadata(content)[key])


def _checked(file: Path) -> io.BytesIO:
    """The content of a file; raises ValueError if its checksum, which other programs' tables lack, is wrong."""
    content = file.read_bytes()
    places = list(_PLACE.finditer(content))
    if places and places[-1][1] != _digits(_with_digits(content, places[-1], _ZEROS)):
        raise ValueError(f"'{file}' is damaged")
    return io.BytesIO(content)


def _digits(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)


def _with_digits(content: bytes, place: re.Match[bytes], digits: bytes) -> bytes:
    return content[: place.start(1)] + digits + content[place.end(1) :]


@contextmanager
def _only_value_errors() -> Iterator[None]:
    """Turn all that polars and json raise for what is no table of ours, or damaged, into ValueError."""
    try:
        with silence_stderr():  # polars writes there about damage that it did not expect
            yield
    except (pl.exceptions.PolarsError, LookupError, RecursionError) as error:
        raise ValueError(str(error)) from None
    except pl.exceptions.PanicException as error:  # no Exception, so that it would end the program
        raise ValueError(str(error)) from None


def write_parquet(table: pl.DataFrame, file: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a table; raises OSError with the system's reason if that cannot be done, which polars hides in a text."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd", metadata={**(metadata or {}), _CHECKSUM: _ZEROS.decode()})
    content = buffer.getvalue()
    *_, place = _PLACE.finditer(content)
    file.write_bytes(_with_digits(content, place, _digits(content)))
