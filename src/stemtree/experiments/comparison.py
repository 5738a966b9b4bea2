"""Comparing two configurations by the rows of their evaluations, several seeds of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from stemtree.errors import EvaluationError
from stemtree.evaluation.levels import ALL_LEVELS, CHUNK, all_levels, same_chunks
from stemtree.evaluation.rows import FILLED, SCHEMA, Status
from stemtree.experiments.statistics import Arm, Difference, compare
from stemtree.parquet import read_parquet

METRIC = "si_sdr_improvement"
"""What is compared, in dB."""

_COLUMNS = ("track", "start", "target", "node", "level", "status", METRIC)


@dataclass(frozen=True, slots=True)
class LevelComparison:
    """The difference of two configurations at one level.

    Parameters
    ----------
    level : str
        ``all levels``, or ``level N``.
    first, second : float
        The mean of each over seeds and chunks, in dB.
    difference : Difference
        First minus second.
    songs, chunks : int
        How many both were measured on; a node of a chunk counts as one where chunks have no target.
    undefined : int
        How many more were left out because the metric is NaN in one of the evaluations.
    """

    level: str
    first: float
    second: float
    difference: Difference
    songs: int
    chunks: int
    undefined: int


def read_rows(file: Path, test: str | None = None) -> pl.DataFrame:
    """Read the rows that ``stemtree evaluate -o`` wrote, or those of one test set of an experiment's run.

    Parameters
    ----------
    file : pathlib.Path
        Of rows.
    test : str, optional
        The name of the test set, where the rows are of several.

    Raises
    ------
    EvaluationError
        If the file cannot be read or holds something else, or if its rows are of several test sets and none is chosen.
    """
    try:
        rows = read_parquet(file, schema=SCHEMA | {"test": pl.String()}, filled=FILLED)
        rows = rows.select(*_COLUMNS, *(column for column in ("test",) if column in rows.columns))
    except OSError as error:
        raise EvaluationError(f"cannot read '{file}': {error.strerror}; check the path") from None
    except (ValueError, pl.exceptions.ColumnNotFoundError):
        raise EvaluationError(f"'{file}' does not hold an evaluation: give what evaluate -o wrote") from None
    tests = list(rows["test"].unique(maintain_order=True)) if "test" in rows.columns else []
    if test is not None and test not in tests:
        there = f"there are {', '.join(tests)}" if tests else "it has the rows of one evaluation; leave --test-set out"
        raise EvaluationError(f"'{file}' has no test set '{test}': {there}")
    if test is None and len(tests) > 1:
        raise EvaluationError(f"'{file}' has rows of several test sets, choose one with --test-set: {', '.join(tests)}")
    return rows.filter(pl.col("test") == test) if test is not None else rows


def compare_rows(
    first: Sequence[pl.DataFrame], second: Sequence[pl.DataFrame], *, confidence: float = 0.95
) -> list[LevelComparison]:
    """Compare two configurations at each level that both have, and over all levels.

    Where chunks were selected for targets, level 1 is the target and all levels are over the same chunks (see
    `stemtree.evaluation.levels`); otherwise levels are those of the hierarchy.

    Parameters
    ----------
    first, second : sequence of polars.DataFrame
        The rows of each configuration, one table for each seed.
    confidence : float
        Of the intervals.

    Raises
    ------
    EvaluationError
        If the evaluations are not of the same chunks and nodes, or none of these is counted.
    """
    levels = [_by_level(rows) for rows in (*first, *second)]
    names = [name for name in levels[0] if all(name in of_run for of_run in levels)]
    if not names:
        raise EvaluationError("the evaluations have no level in common in which anything is counted: give others")
    return [_compare([of_run[name] for of_run in levels], len(first), name, confidence) for name in names]


def _by_level(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """For each level the keys of what is counted, and the metric."""
    if rows["target"].is_not_null().any():
        counted = same_chunks(rows)
        levels = {ALL_LEVELS: all_levels(counted, [METRIC])}
        column, keys = "path_level", CHUNK
    else:
        counted = rows.filter(status=Status.COUNTED.value)
        column, keys = "level", ("track", "start", "node")
        levels = {ALL_LEVELS: counted}
    for level in counted[column].unique().sort(descending=True):
        levels[f"level {level}"] = counted.filter(pl.col(column) == level)
    return {name: part.select(*keys, METRIC).sort(keys) for name, part in levels.items() if len(part)}


def _compare(runs: Sequence[pl.DataFrame], num_first: int, name: str, confidence: float) -> LevelComparison:
    keys = runs[0].drop(METRIC)
    places = keys.select("track", "start").unique(maintain_order=True)
    others = [run for run in runs if not run.drop(METRIC).equals(keys)]
    if others and all(run.select("track", "start").unique(maintain_order=True).equals(places) for run in others):
        raise EvaluationError("the two were measured on different nodes: evaluate both with the same --node or --level")
    if others:
        raise EvaluationError("the two were measured on different chunks: evaluate both with one list of chunks")
    values = np.stack([run[METRIC].to_numpy().astype(np.float64) for run in runs])
    defined = np.isfinite(values).all(axis=0)
    _, song, chunks = np.unique(keys["track"].to_numpy()[defined], return_inverse=True, return_counts=True)
    if not len(chunks):
        raise EvaluationError(f"'{METRIC}' is defined in no chunk of {name} in all evaluations: give others")
    means = np.stack([np.bincount(song, weights=run[defined]) / chunks for run in values])
    arms = Arm(means[:num_first], chunks), Arm(means[num_first:], chunks)
    first, second = arms
    difference = compare(first, second, confidence=confidence)
    used = int(defined.sum())
    return LevelComparison(name, first.mean, second.mean, difference, len(chunks), used, defined.size - used)
