"""What the classifier sees of a file name and of the names beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

import numpy as np

from stemtree.curation.annotation.classifier.file_names import Name, Vocabulary, fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

Words: TypeAlias = tuple[str, ...]
Numbers: TypeAlias = "NDArray[np.float32]"

FLAGS = 8
"""How many numbers describe a name's place in its session."""

_LONGEST_PHRASE = 4
_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Sessions:
    """The names of many sessions, with equal words told apart by session alone.

    Parameters
    ----------
    words : list of tuple of str
        Each sequence of words once.
    own : (name,) int
        Which of `words` a name has.
    songs : list of str
        Each session's.
    distinct : (entry, 2) int
        Pairs of a session and one of `words` that stands in it.
    session, entry : (name,) int
        Which session, and which of `distinct`, a name belongs to.
    before, after : (name,) int
        Which of `words` the nearest name with other words has, in order of the names; -1 where there is none.
    flags : (name, FLAGS) float32
        Whether the session's files are numbered, how many there are, how many have these words, whether this is the
        first or the last of those, its place in the session, whether another name has fewer or more words.
    """

    words: list[Words]
    own: NDArray[np.int64]
    songs: list[str]
    distinct: NDArray[np.int64]
    session: NDArray[np.int64]
    entry: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    flags: Numbers


def arrange(rows: Sequence[tuple[str, str]], vocabulary: Vocabulary) -> Sessions:
    """Take the names of sessions apart.

    Parameters
    ----------
    rows : sequence of (song, file)
        In any order; names that follow each other in sorted order are neighbours.
    vocabulary : Vocabulary
        What words are known by.
    """
    numbers: dict[Words, int] = {}
    members: dict[str, list[int]] = {}
    names = [vocabulary.parse(file) for _, file in rows]
    for index, (song, _) in enumerate(rows):
        members.setdefault(song, []).append(index)
    own = np.array([numbers.setdefault(name.words, len(numbers)) for name in names], np.int64)
    session, before, after = np.zeros(len(rows), np.int64), np.full(len(rows), -1), np.full(len(rows), -1)
    flags = np.zeros((len(rows), FLAGS), np.float32)
    entry = np.zeros(len(rows), np.int64)
    distinct: dict[tuple[int, int], int] = {}
    for number, indices in enumerate(members.values()):
        ordered = sorted(indices, key=lambda index: rows[index][1].casefold())
        ids = own[ordered].tolist()
        session[ordered] = number
        entry[ordered] = [distinct.setdefault((number, word), len(distinct)) for word in ids]
        before[ordered] = _nearest(ids)
        after[ordered] = _nearest(ids[::-1])[::-1]
        flags[ordered] = _places([names[index] for index in ordered], ids)
    pairs = np.array(list(distinct), np.int64).reshape(-1, 2)
    return Sessions(list(numbers), own, list(members), pairs, session, entry, before, after, flags)


def _nearest(ids: list[int]) -> list[int]:
    """For each of a list the nearest earlier value that differs, or -1."""
    found = [-1] * len(ids)
    for at in range(1, len(ids)):
        found[at] = ids[at - 1] if ids[at - 1] != ids[at] else found[at - 1]
    return found


def _places(names: list[Name], ids: list[int]) -> Numbers:
    count, seen = Counter(ids), Counter[int]()
    numbered = sum(name.numbered for name in names) > len(names) / 2
    sets = {number: frozenset(name.words) for name, number in zip(names, ids, strict=True)}
    fewer = {number: any(other < own for other in sets.values()) for number, own in sets.items()}
    more = {number: any(own < other for other in sets.values()) for number, own in sets.items()}
    flags = np.zeros((len(names), FLAGS), np.float32)
    for at, number in enumerate(ids):
        seen[number] += 1
        several = count[number] > 1
        flags[at] = (
            numbered,
            math.log(len(names)) / 4,
            min(count[number], 8) / 8,
            several and seen[number] == 1,
            several and seen[number] == count[number],
            at / len(names),
            fewer[number],
            more[number],
        )
    return flags


def describe(words: Words, vocabulary: Vocabulary) -> dict[str, float]:
    """Features of a name by itself: words, pairs, runs of three letters, and what the phrases in it stand for."""
    text = f" {' '.join(words)} "
    features = {f"c:{text[at : at + _LETTERS]}": 0.3 for at in range(len(text) - _LETTERS + 1)}
    features |= {f"t:{word}": 1.0 for word in words}
    features |= {f"b:{first} {second}": 0.7 for first, second in pairwise(words)}
    features[f"f:{text.strip()}"] = 1.0
    labels = meanings(words, vocabulary)
    if not labels:
        return features | {"none": 1.0}
    features |= {f"h:{label}": 1.0 for label in labels}
    features[f"first:{labels[0]}"] = 0.5
    features[f"last:{labels[-1]}"] = 1.0
    together = "|".join(dict.fromkeys(labels))
    features[f"{'only' if len(labels) == 1 else 'all'}:{together}"] = 1.0
    return features


def habits(song: str, words: Words) -> dict[str, float]:
    """What an artist means by the words of a name, where the song is called ``Artist - Title``.

    Artists keep to their ways from song to song: whose bass is a synthesizer here, has one there. Features are
    checksums, so that the weights name nobody.
    """
    artist, dash, _ = song.partition(" - ")
    key = fold(artist)
    return {f"a:{crc32(f'{key}|{word}'.encode()):08x}": 1.0 for word in words} if dash else {}


def meanings(words: Words, vocabulary: Vocabulary) -> list[str]:
    """The labels of the phrases in a name, from left to right, the longest phrase first."""
    found, at = [], 0
    while at < len(words):
        length = next((n for n in range(_LONGEST_PHRASE, 0, -1) if words[at : at + n] in vocabulary.phrases), 0)
        if length:
            found.append(vocabulary.phrases[words[at : at + length]])
        at += max(length, 1)
    return found


def as_arrays(features: dict[str, float], index: dict[str, int]) -> tuple[NDArray[np.int64], Numbers]:
    """Numbers and values of those features that an index knows."""
    known: list[Any] = [(index[name], value) for name, value in features.items() if name in index]
    columns, values = zip(*known, strict=True) if known else ((), ())
    return np.array(columns, np.int64), np.array(values, np.float32)
