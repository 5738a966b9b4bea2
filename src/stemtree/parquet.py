"""Parquet tables: read with care, written with the errors of the system."""

import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from stemtree.audio.stderr import silence_stderr


def read_parquet(file: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a table.

    Parameters
    ----------
    file : pathlib.Path
        The table.
    columns : sequence of str, optional
        Only these, all of which must be there.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no table, damaged, or lacks a column.
    """
    try:
        with silence_stderr():  # polars writes there about damage that it did not expect
            return pl.read_parquet(file, columns=None if columns is None else list(columns))
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from None
    except pl.exceptions.PanicException as error:  # no Exception, so that it would end the program
        raise ValueError(str(error)) from None


def write_parquet(table: pl.DataFrame, file: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a table; raises OSError with the system's reason if that cannot be done, which polars hides in a text."""
    content = io.BytesIO()
    table.write_parquet(content, compression="zstd", metadata=metadata)
    file.write_bytes(content.getbuffer())
