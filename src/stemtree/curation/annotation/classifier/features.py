"""Features of a file name and of the names beside it, which the classifier reads."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from stemtree.curation.annotation.classifier.file_names import ParsedName, Vocabulary, fold

Words = tuple[str, ...]
Floats = NDArray[np.float32]

NUM_FLAGS = 8
"""How many numbers describe a name's place in its session."""

_LONGEST_PHRASE = 4
_LETTERS = 3
_FEWEST_SHARING = 4


@dataclass(frozen=True, slots=True)
class SessionNames:
    """The names of many sessions; names of one session with the same words share an entry.

    Parameters
    ----------
    words : list of tuple of str
        Each sequence of words once.
    own : (name,) int
        Number in `words` of every name.
    songs : list of str
        The song of every session.
    entries : (entry, 2) int
        Number of a session, and number in `words` of a sequence in it; each pair once.
    session, entry : (name,) int
        Number of every name's session, and in `entries`.
    before, after : (name,) int
        Number in `words` of the nearest name with other words, in order of the names; -1 where there is none.
    flags : (name, NUM_FLAGS) float32
        Whether the session's files are numbered, how many there are, how many have these words, whether this is the
        first or the last of those, its place in the session, whether another name has fewer or more words.
    """

    words: list[Words]
    own: NDArray[np.int64]
    songs: list[str]
    entries: NDArray[np.int64]
    session: NDArray[np.int64]
    entry: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    flags: Floats


def parse_sessions(rows: Sequence[tuple[str, str]], vocabulary: Vocabulary) -> SessionNames:
    """Parse the names of sessions, and number their words.

    Parameters
    ----------
    rows : sequence of (song, file)
        In any order; names that follow each other in sorted order are neighbours.
    vocabulary : Vocabulary
        For the words.
    """
    numbers: dict[Words, int] = {}
    names_of_song: dict[str, list[int]] = {}
    names = [vocabulary.parse(file) for _, file in rows]
    for index, (song, _) in enumerate(rows):
        names_of_song.setdefault(song, []).append(index)
    for song, indices in names_of_song.items():
        title = vocabulary.parse(song).words
        left = without_shared([names[at].words for at in indices], title, vocabulary)
        for index, words in zip(indices, left, strict=True):
            names[index] = replace(names[index], words=words)
    own = np.array([numbers.setdefault(name.words, len(numbers)) for name in names], np.int64)
    session, before, after = np.zeros(len(rows), np.int64), np.full(len(rows), -1), np.full(len(rows), -1)
    flags = np.zeros((len(rows), NUM_FLAGS), np.float32)
    entry = np.zeros(len(rows), np.int64)
    entries: dict[tuple[int, int], int] = {}
    for number, indices in enumerate(names_of_song.values()):
        ordered = sorted(indices, key=lambda index: rows[index][1].casefold())
        ids = own[ordered].tolist()
        session[ordered] = number
        entry[ordered] = [entries.setdefault((number, word), len(entries)) for word in ids]
        before[ordered] = _nearest_other(ids)
        after[ordered] = _nearest_other(ids[::-1])[::-1]
        flags[ordered] = _flags([names[index] for index in ordered], ids)
    pairs = np.array(list(entries), np.int64).reshape(-1, 2)
    return SessionNames(list(numbers), own, list(names_of_song), pairs, session, entry, before, after, flags)


def without_shared(names: Sequence[Words], title: Words, vocabulary: Vocabulary) -> list[Words]:
    """The words of a session's names without those that they share: a title, a folder, the programme's words.

    A word is shared if all names have it, or at least half of them and four. One that means a label counts
    nevertheless where it belongs to the words beside it (``vocal lead``, ``vocal backing``), or where too little would
    be left without it (``violin left``, ``violin right``).

    Parameters
    ----------
    names : sequence of tuple of str
        The words of every name.
    title : tuple of str
        Those of the song's name: they do not belong to the words beside them.
    vocabulary : Vocabulary
        Which words mean a label.
    """
    distinct = list(dict.fromkeys(names))
    having: dict[str, list[Words]] = {}
    for name in distinct:
        for word in dict.fromkeys(name):
            having.setdefault(word, []).append(name)
    enough = min(len(distinct), max(len(distinct) / 2, _FEWEST_SHARING)) if len(distinct) > 1 else math.inf
    shared = [word for word, those in having.items() if len(those) >= enough]
    dropped = {word for word in shared if _says_nothing(word, having[word], word in title, vocabulary)}
    return [_without(name, dropped, vocabulary) or name for name in names] if dropped else list(names)


def _says_nothing(word: str, names: list[Words], is_in_title: bool, vocabulary: Vocabulary) -> bool:
    """Whether a word that many names of a session share is no part of what they mean."""
    if not vocabulary.means_something(word):
        return True
    labelled = sum(bool(phrase_labels(_without(name, {word}, vocabulary), vocabulary)) for name in names)
    phrases = [{name[at : at + length] for at, length in _phrases(name, vocabulary)} for name in names]
    joined = sum(any(len(one) > 1 and word in one for one in those) for those in phrases)
    return 4 * labelled >= 3 * len(names) and (is_in_title or 4 * joined <= len(names))


def _without(name: Words, dropped: set[str], vocabulary: Vocabulary) -> Words:
    """The words of a name without those dropped; of one that means a label, only the first (``Piano Man - Piano``)."""
    return tuple(
        word
        for at, word in enumerate(name)
        if word not in dropped or (vocabulary.means_something(word) and word in name[:at])
    )


def _nearest_other(ids: list[int]) -> list[int]:
    """For each of a list the nearest earlier value that differs, or -1."""
    found = [-1] * len(ids)
    for at in range(1, len(ids)):
        found[at] = ids[at - 1] if ids[at - 1] != ids[at] else found[at - 1]
    return found


def _flags(names: list[ParsedName], ids: list[int]) -> Floats:
    """`SessionNames.flags` of the names of one session, in their order; `ids` number their words."""
    count, earlier = Counter(ids), Counter[int]()
    numbered = sum(name.numbered for name in names) > len(names) / 2
    sets = {number: frozenset(name.words) for name, number in zip(names, ids, strict=True)}
    fewer = {number: any(other < own for other in sets.values()) for number, own in sets.items()}
    more = {number: any(own < other for other in sets.values()) for number, own in sets.items()}
    flags = np.zeros((len(names), NUM_FLAGS), np.float32)
    for at, number in enumerate(ids):
        earlier[number] += 1
        several = count[number] > 1
        flags[at] = (
            numbered,
            math.log(len(names)) / 4,
            min(count[number], 8) / 8,
            several and earlier[number] == 1,
            several and earlier[number] == count[number],
            at / len(names),
            fewer[number],
            more[number],
        )
    return flags


def name_features(words: Words, vocabulary: Vocabulary) -> dict[str, float]:
    """Features of a name by itself: words, pairs, runs of three letters, and the labels of the phrases in it."""
    text = f" {' '.join(words)} "
    features = {f"c:{text[at : at + _LETTERS]}": 0.3 for at in range(len(text) - _LETTERS + 1)}
    features |= {f"t:{word}": 1.0 for word in words}
    features |= {f"b:{first} {second}": 0.7 for first, second in pairwise(words)}
    features[f"f:{text.strip()}"] = 1.0
    labels = phrase_labels(words, vocabulary)
    if not labels:
        return features | {"none": 1.0}
    features |= {f"h:{label}": 1.0 for label in labels}
    features[f"first:{labels[0]}"] = 0.5
    features[f"last:{labels[-1]}"] = 1.0
    together = "|".join(dict.fromkeys(labels))
    features[f"{'only' if len(labels) == 1 else 'all'}:{together}"] = 1.0
    return features


def artist_features(song: str, words: Words) -> dict[str, float]:
    """Features of an artist's use of words, where the song is called ``Artist - Title``.

    Artists name their files alike from song to song: if ``Bass`` is a synthesizer in one, it is one in the next.
    Features are checksums, so that the weights name nobody.
    """
    artist, dash, _ = song.partition(" - ")
    key = fold(artist)
    return {f"a:{crc32(f'{key}|{word}'.encode()):08x}": 1.0 for word in words} if dash else {}


def phrase_labels(words: Words, vocabulary: Vocabulary) -> list[str]:
    """The labels of the phrases in a name, from left to right, the longest phrase first."""
    return [vocabulary.phrases[words[at : at + length]] for at, length in _phrases(words, vocabulary)]


def name_meanings(sessions: SessionNames, vocabulary: Vocabulary) -> list[list[str]]:
    """`phrase_labels` of every name."""
    meanings = [phrase_labels(words, vocabulary) for words in sessions.words]
    return [meanings[own] for own in sessions.own.tolist()]


def _phrases(words: Words, vocabulary: Vocabulary) -> Iterator[tuple[int, int]]:
    """Where the phrases in a name begin, and how many words they have."""
    at = 0
    while at < len(words):
        length = next((n for n in range(_LONGEST_PHRASE, 0, -1) if words[at : at + n] in vocabulary.phrases), 0)
        if length:
            yield at, length
        at += max(length, 1)


def to_sparse(features: Mapping[str, float], index: Mapping[str, int]) -> tuple[NDArray[np.int64], Floats]:
    """Columns and values of the features that an index of columns has."""
    known = {index[name]: value for name, value in features.items() if name in index}
    return np.array(list(known), np.int64), np.array(list(known.values()), np.float32)
