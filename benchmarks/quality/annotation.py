"""Measure the accuracy and the speed of annotation from file names by cross-validation.

    python benchmarks/quality/annotation.py LABELS.csv [--seeds 0,1]
    python benchmarks/quality/annotation.py OTHER.csv --shipped

With --shipped, the package's classifier proposes labels for names that it was not fitted to, and all wrong ones are
printed.

LABELS.csv has the columns song, file and label, corrected by people. Networks, selected features and certainty are
fitted again for each fold, without its songs. The vocabulary cannot be: it was written by people who knew all songs. So
each figure is printed twice, with the whole vocabulary and with a "forgetful" one, which lacks the entries that only
songs of the fold need. The accuracy on new songs lies between the two.

*Reviewed* is the accuracy after the least certain tenth of the rows has been corrected. *Again* is the accuracy after
`stemtree curate annotate` has marked a tenth for review, these have been corrected, and it has been run again, which
carries corrections to rows with like names.
"""

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from stemtree.curation.annotation.classifier.cross_validation import Accuracy, Predictions, accuracy, cross_validate
from stemtree.curation.annotation.classifier.features import parse_sessions
from stemtree.curation.annotation.classifier.file_names import Vocabulary, fold, readable, real_words, vocabulary
from stemtree.curation.annotation.classifier.fit import FitSettings, Names
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.curation.annotation.propose import CARRIED, CARRIED_AGAINST, propose
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

    def __init__(self, predictions: Predictions, rows: Rows) -> None:
        self._predictions = predictions
        self.certainty = self
        # Propose asks whether any word of a name was learned; those of other songs were.
        songs = defaultdict(set)
        for (song, _), words in zip(rows, name_words(rows), strict=True):
            for word in words:
                songs[word].add(song)
        self.words = frozenset(word for word, those in songs.items() if len(those) > 1)

    def predict(self, names: Rows) -> NDArray[np.float32]:
        """See `Classifier.predict`."""
        return self._predictions.probabilities

    def of(self, *_: object) -> NDArray[np.float32]:
        """See `Certainty.of`."""
        return self._predictions.certainty


def name_words(rows: Rows) -> list[tuple[str, ...]]:
    """Return the words of every name."""
    sessions = parse_sessions(rows, vocabulary())
    return [sessions.words[own] for own in sessions.own.tolist()]


def print_review(rows: Rows, predictions: Predictions, labels: list[str]) -> None:
    """Print the accuracy after a tenth was marked and corrected, and after the command was run again."""
    model: Any = FixedPredictions(predictions, rows)
    truth = np.array(labels)
    proposed = propose(rows, [], model)
    marked = {row.key for row in rows_to_review(proposed, 0.1)}
    before = np.array([row.label for row in proposed])
    is_marked = np.array([row.key in marked for row in proposed])
    corrected = [
        replace(row, label=label, review=SETTLED)
        for row, label in zip(proposed, labels, strict=True)
        if row.key in marked
    ]
    after = propose(rows, corrected, model)
    now = np.array([row.label for row in after])
    against = np.array([row.confidence == CARRIED_AGAINST for row in after]) & ~is_marked
    agree = np.array([row.confidence == CARRIED for row in after]) & ~is_marked
    print(
        f"    marked tenth corrected {100 * np.mean((before == truth) | is_marked):.1f}, run again "
        f"{100 * np.mean(now == truth):.1f}; carried against the proposal {against.sum()}, right "
        f"{(against & (now == truth)).sum()}, replaced a right one {(against & (before == truth)).sum()}; "
        f"right where both agree {100 * np.mean((now == truth)[agree]):.1f} % of {agree.sum()}",
        flush=True,
    )


def print_limits(rows: Rows, predictions: Predictions, labels: list[str]) -> None:
    """Print what the names that are still wrong after review have in common."""
    truth, proposed = np.array(labels), np.array(COLUMNS)[predictions.probabilities.argmax(axis=1)]
    is_sure = np.ones(len(rows), bool)
    is_sure[np.argsort(predictions.certainty, kind="stable")[: round(0.1 * len(rows))]] = False
    pairs = Counter(" / ".join(sorted(pair)) for pair in zip(proposed, truth, strict=True) if pair[0] != pair[1])
    sure = Counter(" / ".join(sorted((a, b))) for a, b in zip(proposed[is_sure], truth[is_sure], strict=True) if a != b)
    print(f"    wrong {pairs.total()}, of them certain {sure.total()}: ", end="")
    print("; ".join(f"{pair} {count}, {sure[pair]}" for pair, count in pairs.most_common(12)), flush=True)


def print_others(rows: Rows, predictions: Predictions, labels: list[str]) -> None:
    """Print how other artists label the words of the names that are still wrong after review."""
    proposed, words = np.array(COLUMNS)[predictions.probabilities.argmax(axis=1)].tolist(), name_words(rows)
    artists: defaultdict[tuple[str, ...], set[tuple[str, str]]] = defaultdict(set)
    for (song, _), one, label in zip(rows, words, labels, strict=True):
        artists[one].add((artist(song), label))
    kinds: Counter[str] = Counter()
    for at in np.argsort(predictions.certainty, kind="stable")[round(0.1 * len(rows)) :].tolist():
        if proposed[at] == labels[at]:
            continue
        count = Counter(label for who, label in artists[words[at]] if who != artist(rows[at][0]))
        more = count[proposed[at]] - count[labels[at]]
        kinds["nowhere" if not count else "more often as proposed" if more > 0 else "otherwise"] += 1
    print(f"    the certain wrong ones, with other artists: {dict(kinds)}", flush=True)


def print_contradictions(rows: Rows, labels: list[str]) -> None:
    """Print how many names have another label than most names with the same words."""
    words = name_words(rows)
    for place, keys in (
        ("in one session", [(song, one) for (song, _), one in zip(rows, words, strict=True)]),
        ("in the sessions of one artist", [(artist(song), one) for (song, _), one in zip(rows, words, strict=True)]),
        ("anywhere", [("", one) for one in words]),
    ):
        groups: defaultdict[tuple[str, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
        for key, label in zip(keys, labels, strict=True):
            groups[key][label] += 1
        fewer = sum(group.total() - max(group.values()) for group in groups.values())
        print(f"{fewer} of {len(rows)} names have another label than most names with the same words {place}")


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
    """Print the accuracy when each fold is predicted by a classifier that is fitted to the others."""
    settings = replace(FitSettings(), networks=networks)

    def words(inside: Names, outside: Names) -> Vocabulary:
        return forgetful([file for _, file in inside], [file for _, file in outside]) if forget else vocabulary()

    predictions = cross_validate(rows, labels, settings, parts, seed, group, words)
    print_accuracy(f"{name}, seed {seed}, {'forgetful' if forget else 'whole'} vocabulary", rows, labels, predictions)


def print_accuracy(title: str, rows: Rows, labels: list[str], predictions: Predictions) -> None:
    """Print the accuracy of all names and of the folds, and what review makes of it."""
    truth = np.array(labels)

    def of(held: NDArray[np.bool_]) -> Accuracy:
        parts = predictions.probabilities[held], predictions.certainty[held]
        return accuracy(*parts, COLUMNS, truth[held].tolist())

    report(f"{title}: all", [of(np.ones(len(rows), bool))])
    report(f"{'':{len(title)}}  folds", [of(predictions.fold == one) for one in np.unique(predictions.fold)])
    print_review(rows, predictions, labels)
    print_limits(rows, predictions, labels)
    print_others(rows, predictions, labels)


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
    print_contradictions(rows, labels)
    print(f"{'':44} exact      instrument  of all     reviewed    calibration error")
    for name, group, forget in (("by song", str, True), ("by song", str, False), ("by artist", artist, True)):
        for seed in map(int, options.seeds.split(",")):
            validate(name, rows, labels, seed, group, forget, options.networks, options.folds)


if __name__ == "__main__":
    main()
