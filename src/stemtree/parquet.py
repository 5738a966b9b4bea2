"""Parquet tables: read with care, written with the errors of the system."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.audio.stderr import silence_stderr


def read_parquet(
    file: Path, columns: Sequence[str] | None = None, schema: Mapping[str, pl.DataType] | None = None
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

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no table, damaged, lacks a column or holds something else in one.
    """
    with _only_value_errors():
        table = pl.read_parquet(file, columns=None if columns is None else list(columns))
        others = {
            name: kind
            for name, kind in (schema or {}).items()
            if name in table.columns and not (kind.is_float() and table.schema[name].is_float())
        }
        return table.cast(others)  # type: ignore[arg-type]


def read_json_metadata(file: Path, key: str) -> Any:
    """Read what a table's metadata hold as JSON under a key; raises OSError and ValueError as `read_parquet` does."""
    with _only_value_errors():
        return json.loads(pl.read_parquet_metadata(file)[key])


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
    content = io.BytesIO()
    table.write_parquet(content, compression="zstd", metadata=metadata)
    file.write_bytes(content.getbuffer())
