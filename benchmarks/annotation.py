"""How good the annotation from names is, and how fast: ``python benchmarks/annotation.py LABELS.csv``.

LABELS.csv has the columns song, file and label, as people corrected them.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stemtree.curation.annotation.accuracy import Accuracy, accuracy, at_temperature, best_temperature, cross_validate
from stemtree.curation.annotation.fit import Fitting
from stemtree.curation.annotation.labels import instruments
from stemtree.curation.annotation.table import read_annotation

COLUMNS = tuple(instruments())


def report(name: str, each: list[Accuracy]) -> None:
    figures = [[one.exact, one.instrument, one.instrument_of_all, one.reviewed, one.calibration_error] for one in each]
    mean, spread = np.mean(figures, axis=0), np.std(figures, axis=0)
    cells = (f"{100 * a:5.1f} ±{100 * b:4.1f}" for a, b in zip(mean, spread, strict=True))
    print(f"{name:34}", *cells, flush=True)


def validate(name: str, rows: list[tuple[str, str]], labels: list[str], seed: int, group: Callable[[str], str]) -> None:
    """Every fold is calibrated by the others."""
    fitting = replace(Fitting(), members=int(sys.argv[2]) if len(sys.argv) > 2 else Fitting().members)
    probabilities, fold = cross_validate(rows, labels, fitting, seed=seed, group=group)
    each, whole = [], probabilities.copy()
    truth = np.array(labels)
    for number in range(fold.max() + 1):
        inside, outside = fold != number, fold == number
        temperature = best_temperature(probabilities[inside], COLUMNS, truth[inside].tolist())
        whole[outside] = at_temperature(probabilities[outside], temperature)
        each.append(accuracy(whole[outside], COLUMNS, truth[outside].tolist()))
    report(f"{name}, seed {seed}: folds", each)
    report(f"{name}, seed {seed}: all", [accuracy(whole, COLUMNS, labels)])


def speed(rows: list[tuple[str, str]]) -> None:
    from stemtree.curation.annotation.model import classifier

    names = [(f"{song} {copy}", f"{file[:-4]}{'abc'[copy]}.wav") for copy in range(3) for song, file in rows][:15000]
    before, start = time.process_time(), time.perf_counter()
    classifier().predict(names)
    print(f"{len(names)} names: {time.process_time() - before:.2f} CPU s, {time.perf_counter() - start:.2f} s")


def main() -> None:
    annotation = read_annotation(sys.argv[1])
    rows, labels = [(row.song, row.file) for row in annotation], [row.label for row in annotation]
    speed(rows)
    print(f"{'':34} exact      instrument  of all     reviewed    calibration error")
    for seed in (0, 1):
        validate("by song", rows, labels, seed, str)
    validate("by artist", rows, labels, 0, lambda song: song.partition(" - ")[0])


if __name__ == "__main__":
    main()
