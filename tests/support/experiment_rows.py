"""Rows of an experiment's runs with known answers, as the runner keeps them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from stemtree.evaluation.rows import SCHEMA
from stemtree.experiments.definition import Experiment
from stemtree.experiments.plan import TRAINED, Run, plan_runs
from stemtree.experiments.rows import Description, write_run

PATH = ("accompaniment", "accompaniment/other", "accompaniment/other/electric_guitar")


def make_rows(
    folder: Path,
    experiment: Experiment,
    gains: Mapping[str, float],
    *,
    name: str = "own",
    size: str = "tiny",
    songs: int = 30,
    spread: float = 0.05,
    changes: Mapping[str, str] | None = None,
    tests: Mapping[str, float] | None = None,
    alone: float = 0.0,
) -> list[Run]:
    """Write rows for every arm of `gains`: its gain in dB at level 3 on average, 1 dB more at each level below.

    On each of the `tests` trained arms gain so much more at level 1; a share of the songs (`alone`) has nothing to
    separate at level 3.

    Returns
    -------
    list of Run
        The experiment's runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = plan_runs({name: experiment}, size, None)
    for number, run in enumerate(runs):
        use = run.uses[0]
        if use.arm not in gains:
            continue
        levels = run.settings.levels if run.estimator == TRAINED and run.settings.levels else (3, 2, 1)
        measured = {
            test: _rows(gains[use.arm], number, songs, spread, levels, more if run.estimator == TRAINED else 0.0, alone)
            for test, more in (tests or {"songs": 0.0}).items()
        }
        described = {
            "estimator": run.estimator,
            "identity": run.identity,
            "corpora": "songs",
            "code": "code",
            "version": "0",
            "torch": "0",
            "cpu_seconds": 100 + number,
            "curve": [(step, 1 / step + 0.01 * number) for step in (1, 2, 4)] if run.estimator == TRAINED else [],
            "chunks": dict.fromkeys(measured, "list"),
            "parameters": 5,
        }
        described |= dict(changes or {})
        write_run(measured, Description.model_validate(described), folder / f"{name}{number:03}.parquet")
    return runs


def _rows(
    gain: float, seed: int, songs: int, spread: float, levels: tuple[int, ...], at_target: float, alone: float
) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    difficulty = np.random.default_rng(99).normal(0, 2, songs)
    rows = []
    of_seed = random.normal(0, spread)
    for song in range(songs):
        of_song = difficulty[song] + random.normal(0, spread)
        for start in (0.0, 10.0):
            for level in levels:
                improvement = gain + (3 - level) + of_seed + of_song + (at_target if level == 1 else 0.0)
                counted = level < 3 or song >= alone * songs
                rows.append(
                    {
                        "track": f"{song:03}",
                        "start": start,
                        "target": PATH[-1],
                        "node": PATH[3 - level],
                        "level": level,
                        "status": "counted" if counted else "alone",
                        "si_sdr": improvement - 4 if counted else None,
                        "si_sdr_improvement": improvement if counted else None,
                    }
                )
    return pl.DataFrame(rows, schema=SCHEMA)
