"""Measure the accuracy and the speed of annotation from file names by cross-validation.

    python benchmarks/quality/annotation.py LABELS.csv [--seeds 0,1]
    python benchmarks/quality/annotation.py OTHER.csv --shipped

With --shipped, the package's classifier proposes labels for names that it was not fitted to, and all wrong ones are
printed.

LABELS.csv has the columns song, file and label, corrected by people. Networks, selected features and calibration are
fitted again for each fold, without its songs. The vocabulary cannot be: it was written by people who knew all songs. So
each figure is printed twice, with the whole vocabulary and with a "forgetful" one, which lacks the entries that only
songs of the fold need. The accuracy on new songs lies between the two.

*Reviewed* is the accuracy after the least certain tenth of the rows has been corrected. *Again* is the accuracy after
`stemtree curate annotate` has marked a tenth for review, these have been corrected, and it has been run again, which
also corrects rows with similar names.
"""

import argparse
import re
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from stemtree.curation.annotation.classifier.cross_validation import Accuracy, accuracy, calibrated_by_others
from stemtree.curation.annotation.classifier.file_names import Vocabulary, fold, readable, real_words, vocabulary
from stemtree.curation.annotation.classifier.fit import FitSettings, fit_classifier
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.curation.annotation.propose import propose
from stemtree.curation.annotation.table import SETTLED, read_annotation, rows_to_review

COLUMNS = tuple(instrument_by_label())
PIECE, CAMEL = (
    re.compile(r"[^\W_]+"),
    re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)"),
)
Rows = list[tuple[str, str]]


def spelled(files: list[str]) -> tuple[set[str], str]:
    """Return every run of characters that an entry of the vocabulary can match, and all words in order."""
    words: set[str] = set()
    lines = []
    for file in files:
        pieces = [(fold(piece), [fold(part) for part in CAMEL.split(piece)]) for piece in PIECE.findall(readable(file))]
        words |= {word for whole, parts in pieces for word in (whole, *parts)}
        lines.append(" ".join(part for _, parts in pieces for part in parts))
    return words | {word.removesuffix("s") for word in words}, f" {' | '.join(lines)} "


def parsed(files: list[str]) -> str:
    """Return the words that the vocabulary makes of file names."""
    return f" {' | '.join(' '.join(vocabulary().parse(file).words) for file in files)} "


def forgetful(inside: list[str], outside: list[str]) -> Vocabulary:
    """Make a vocabulary without the entries that `outside` needs and `inside` does not."""
    text = (resources.files("stemtree.curation.annotation.classifier") / "words.yaml").read_text("utf-8")
    data: dict[str, Any] = yaml.safe_load(text)
    (inside_words, inside_text), (outside_words, outside_text) = spelled(inside), spelled(outside)
    inside_phrases, outside_phrases = parsed(inside), parsed(outside)

    def kept(entry: object) -> bool:
        word = fold(str(entry))
        if " " in word:
            return f" {word} " in inside_text or f" {word} " not in outside_text
        return word in inside_words or word not in outside_words

    def kept_phrase(phrase: str) -> bool:
        return f" {phrase} " in inside_phrases or f" {phrase} " not in outside_phrases

    for part in ("spellings", "models"):
        data[part] = {word: [other for other in others if kept(other)] for word, others in data[part].items()}
    data["compounds"] = {key: words for key, words in data["compounds"].items() if kept(key)}
    data["gear"] = [word for word in data["gear"] if kept(word)]
    data["labels"] = {label: [one for one in phrases if kept_phrase(one)] for label, phrases in data["labels"].items()}
    return Vocabulary(data, real_words())


class FixedPredictions:
    """A classifier with predictions that were made before."""

    labels = COLUMNS
    words: frozenset[str] = frozenset()

    def __init__(self, probabilities: NDArray[np.float32]) -> None:
        self._probabilities = probabilities

    def predict(self, names: Rows) -> NDArray[np.float32]:
        """See `Classifier.predict`."""
        return self._probabilities


def annotated_again(rows: Rows, probabilities: NDArray[np.float32], labels: list[str]) -> float:
    """Return the accuracy after a tenth was marked and corrected and the command was run again."""
    model: Any = FixedPredictions(probabilities)
    truth = dict(zip(rows, labels, strict=True))
    marked = rows_to_review(propose(rows, [], model), 0.1)
    corrected = [replace(row, label=truth[row.song, row.file], review=SETTLED) for row in marked]
    return float(np.mean([row.label == truth[row.song, row.file] for row in propose(rows, corrected, model)]))


def report(name: str, each: list[Accuracy]) -> None:
    """Print mean and standard deviation of each figure in %."""
    figures = [[one.exact, one.instrument, one.instrument_of_all, one.reviewed, one.calibration_error] for one in each]
    mean, spread = np.mean(figures, axis=0), np.std(figures, axis=0)
    cells = (f"{100 * a:5.1f} ±{100 * b:4.1f}" for a, b in zip(mean, spread, strict=True))
    print(f"{name:44}", *cells, flush=True)


def validate(
    name: str,
    rows: Rows,
    labels: list[str],
    seed: int,
    group: Callable[[str], str],
    forget: bool,
    networks: int,
    parts: int,
) -> None:
    """Print the accuracy when each fold is predicted and calibrated by the others."""
    settings = replace(FitSettings(), networks=networks)
    groups = sorted({group(song) for song, _ in rows})
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[at]: number % parts for number, at in enumerate(order)}
    folds = np.array([fold_of[group(song)] for song, _ in rows])
    probabilities = np.zeros((len(rows), len(COLUMNS)), np.float32)
    for number in range(parts):
        inside, outside = np.flatnonzero(folds != number).tolist(), np.flatnonzero(folds == number).tolist()
        files = [rows[at][1] for at in inside], [rows[at][1] for at in outside]
        words = forgetful(*files) if forget else vocabulary()
        model = fit_classifier([rows[at] for at in inside], [labels[at] for at in inside], settings, words)
        probabilities[outside] = model.predict([rows[at] for at in outside], words)
    whole, truth = calibrated_by_others(probabilities, folds, COLUMNS, labels), np.array(labels)
    each = [accuracy(whole[folds == one], COLUMNS, truth[folds == one].tolist()) for one in range(parts)]
    title = f"{name}, seed {seed}, {'forgetful' if forget else 'whole'} vocabulary"
    report(f"{title}: all", [accuracy(whole, COLUMNS, labels)])
    print(f"{'':{len(title)}}  again {100 * annotated_again(rows, whole, labels):.1f}", flush=True)
    report(f"{'':{len(title)}}  folds", each)


def speed(rows: Rows) -> None:
    """Print the time that 15000 names take."""
    from stemtree.curation.annotation.classifier.classifier import default_classifier

    names = [(f"{song} {copy}", f"{file[:-4]}{'abc'[copy]}.wav") for copy in range(3) for song, file in rows][:15000]
    before, start = time.process_time(), time.perf_counter()
    default_classifier().predict(names)
    print(
        f"{len(names)} names: {time.process_time() - before:.2f} CPU s, {time.perf_counter() - start:.2f} s", flush=True
    )


def shipped(rows: Rows, labels: list[str]) -> None:
    """Print the accuracy of what `stemtree curate annotate` proposes, and the wrong labels."""
    proposed = propose(rows)
    instrument = instrument_by_label()
    pairs = [(row.label, label) for row, label in zip(proposed, labels, strict=True)]
    same = [a == b or (instrument[a] == instrument[b] is not None) for a, b in pairs]
    of_instruments = [one for one, (_, label) in zip(same, pairs, strict=True) if instrument[label] is not None]
    for row, label in zip(proposed, labels, strict=True):
        if row.label != label:
            print(f"{row.confidence:.2f}  {row.song} / {row.file}: {row.label} for {label}")
    print(
        f"{len(rows)} names: exact {100 * np.mean([a == b for a, b in pairs]):.1f}, "
        f"instrument {100 * np.mean(of_instruments):.1f}, of all {100 * np.mean(same):.1f}"
    )


def artist(song: str) -> str:
    """Return the artist in the name of a song."""
    return song.partition(" - ")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels")
    parser.add_argument("--seeds", default="0,1", help="of the random assignment of songs to folds")
    parser.add_argument("--networks", type=int, default=FitSettings().networks, help="networks that are averaged")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--shipped", action="store_true", help="measure the package's classifier, without any fitting")
    options = parser.parse_args()
    annotation = read_annotation(options.labels)
    rows, labels = [(row.song, row.file) for row in annotation], [row.label for row in annotation]
    if options.shipped:
        shipped(rows, labels)
        return
    speed(rows)
    print(f"{'':44} exact      instrument  of all     reviewed    calibration error")
    for name, group, forget in (("by song", str, True), ("by song", str, False), ("by artist", artist, True)):
        for seed in map(int, options.seeds.split(",")):
            validate(name, rows, labels, seed, group, forget, options.networks, options.folds)


if __name__ == "__main__":
    main()
