"""The rows of runs, small enough to be versioned: all that the report is made from."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import BaseModel, TypeAdapter

from stemtree.errors import EvaluationError
from stemtree.evaluation.rows import FILLED, SCHEMA
from stemtree.evaluation.store import write_rows
from stemtree.parquet import read_json_metadata, read_parquet
from stemtree.staging import whole_file

Content = TypeVar("Content")

_KEY = "stemtree_run"

NOT_RUN = "not_run.json"
"""The file, beside the rows, that says why runs cannot be done."""

COLUMNS = ("track", "start", "target", "node", "level", "status", "si_sdr", "si_sdr_improvement")
"""Of an evaluation's rows, what is kept."""


SDR_STATISTICS = {"framewise median": "museval's median of medians", "global mean": "global, mean over songs"}
"""How results of separators are published: of `stemtree.evaluation.tables.STATISTICS`, and what a page calls them."""


class Description(BaseModel, frozen=True, extra="forbid"):
    """What the rows of a run are of.

    Parameters
    ----------
    estimator, identity, corpora, code
        See `stemtree.experiments.plan.Run`.
    version, torch : str
        Of this package and of torch.
    cpu_seconds : int
        What the run took, over all attempts.
    curve : list of (step, loss)
        Of the validations.
    chunks : dict
        For each test set its frozen list.
    parameters : int
        How many weights the network has.
    sdr : dict
        Of what is not trained, in dB: for each test set, statistic of `SDR_STATISTICS` and node.
    """

    estimator: str
    identity: str
    corpora: str
    code: str
    version: str
    torch: str
    cpu_seconds: int
    curve: list[tuple[int, float]]
    chunks: dict[str, str]
    parameters: int
    sdr: dict[str, dict[str, dict[str, float]]] = {}


def write_run(measured: Mapping[str, pl.DataFrame], description: Description, file: Path) -> None:
    """Write the rows of a run's test sets, in the order of songs, chunks and nodes, with its description.

    Raises
    ------
    EvaluationError
        If the file cannot be written.
    """
    tables = [table.select(pl.lit(name).alias("test"), *COLUMNS) for name, table in measured.items()]
    rows = pl.concat(tables).sort("test", "track", "start", "target", "node")
    write_rows(rows, file, {_KEY: description.model_dump_json()})


def read_run(file: Path) -> tuple[Description, pl.DataFrame]:
    """Read what `write_run` wrote.

    Raises
    ------
    EvaluationError
        If it is something else.
    """
    try:
        return _description(file), read_parquet(file, ["test", *COLUMNS], SCHEMA, FILLED)
    except (OSError, ValueError):
        raise EvaluationError(f"'{file}' does not hold a run of an experiment: remove it") from None


def read_descriptions(folder: Path) -> Iterator[tuple[Path, Description]]:
    """The runs whose rows lie in a folder, by name; raises EvaluationError for one that is no run."""
    for file in sorted(folder.glob("*.parquet")):
        yield file, read_description(file)


def read_description(file: Path) -> Description:
    """What the rows in a file are of; raises EvaluationError if it is something else."""
    try:
        return _description(file)
    except (OSError, ValueError):
        raise EvaluationError(f"'{file}' does not hold a run of an experiment: remove it") from None


def unmeasured(file: Path, lists: Mapping[str, str]) -> list[str]:
    """Those test sets of which a file holds no rows, or rows of other chunks; all of them where there is no file.

    Parameters
    ----------
    file : pathlib.Path
        The rows.
    lists : mapping
        For each test set, by name, the name of its list of chunks.
    """
    measured = read_description(file).chunks if file.exists() else {}
    return [test for test, chunks in lists.items() if measured.get(test) != chunks]


def read_not_run(folder: Path) -> dict[str, str]:
    """By identity, why runs cannot be done where the rows were collected; raises as `read_json`."""
    return read_json(folder / NOT_RUN, dict[str, str]) or {}


def read_json(file: Path, kind: type[Content]) -> Content | None:
    """Read a JSON file beside the rows or the runs; None if there is none.

    Raises
    ------
    EvaluationError
        If it cannot be read, or holds something else than that type.
    """
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise EvaluationError(f"'{file}' is damaged: bring back an earlier copy, or remove it") from None


def write_not_run(reasons: Mapping[str, str], folder: Path) -> None:
    """Add to what `read_not_run` reads."""
    if all_reasons := read_not_run(folder) | dict(reasons):
        with whole_file(folder / NOT_RUN) as partial:
            partial.write_text(json.dumps(all_reasons, indent=1, sort_keys=True) + "\n", "utf-8")


def _description(file: Path) -> Description:
    return Description.model_validate(read_json_metadata(file, _KEY))  # whose errors are ValueErrors
