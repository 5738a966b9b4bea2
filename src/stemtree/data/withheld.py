"""Truth that is withheld: stretches of songs that count as not annotated (poster, experiment 3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.track import Corpus
from stemtree.data.salience import SalienceIndex
from stemtree.hierarchy import NodePath

CHUNKS_PER_STRETCH = 4
"""Length of a stretch in chunks. Chunks overlap: were each withheld by itself, its neighbours would give most of its
audio away."""


@dataclass(frozen=True, slots=True)
class KnownAudio:
    """How much of the audio in which a node is salient lies in chunks whose truth is known.

    Parameters
    ----------
    known, total : float
        In seconds; what several chunks share counts once.
    """

    known: float
    total: float

    @property
    def share(self) -> float:
        """Of the audio."""
        return self.known / self.total if self.total else 1.0


class WithheldTruth:
    """Which stretches of a corpus have no truth: a share of those in which a target is salient, and of the others.

    The choice depends on the seed, the songs, and where targets are salient. What a smaller share withholds, a greater
    one does too.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    index : SalienceIndex
        Of the same songs.
    targets : sequence of NodePath
        The nodes that are learned.
    share : float
        Of the audio.
    unit : {"stretch", "song"}
        Songs are cut into stretches of four chunks, of which each is withheld or not; or each song is.
    seed : int
        Of the choice.
    """

    def __init__(
        self,
        corpus: Corpus,
        index: SalienceIndex,
        targets: Sequence[NodePath],
        share: float,
        unit: Literal["stretch", "song"],
        seed: int,
    ) -> None:
        self._corpus, self._index = corpus, index
        self._bounds = [
            _bounds(track.num_samples, self._length(number), unit) for number, track in enumerate(corpus.tracks)
        ]
        self._withheld = [np.zeros(len(bounds) - 1, bool) for bounds in self._bounds]
        if share:
            self._choose(targets, share, seed)

    def overlaps(self, track: int, start: int) -> bool:
        """Whether any of the chunk that begins at sample `start` of a song (by number) has no truth."""
        bounds = self._bounds[track]
        first = int(np.searchsorted(bounds, start, "right")) - 1
        end = int(np.searchsorted(bounds, start + self._length(track), "left"))
        return bool(self._withheld[track][max(first, 0) : end].any())

    def known_audio(self, node: NodePath) -> KnownAudio:
        """Measure how much audio with a node keeps its truth."""
        known = total = 0.0
        for number, track in enumerate(self._corpus.tracks):
            starts = self._index.chunking.starts(track)[self._index.salient(track.id, node)]
            kept = starts[[not self.overlaps(number, int(start)) for start in starts]]
            total += _covered(starts, self._length(number)) / track.sample_rate
            known += _covered(kept, self._length(number)) / track.sample_rate
        return KnownAudio(known, total)

    def _length(self, track: int) -> int:
        return self._index.chunking.num_samples(self._corpus.tracks[track].sample_rate)

    def _choose(self, targets: Sequence[NodePath], share: float, seed: int) -> None:
        """Withhold stretches in an order that is random, but fixed, until their audio is the share."""
        groups: dict[bool, list[tuple[bytes, int, int]]] = {True: [], False: []}
        for number, track in enumerate(self._corpus.tracks):
            salient = np.any([self._index.salient(track.id, target) for target in targets], axis=0)
            starts = self._index.chunking.starts(track)[salient]
            counts, _ = np.histogram(starts, self._bounds[number])
            for stretch, count in enumerate(counts):
                key = hashlib.sha256(f"{seed} {track.id} {stretch}".encode()).digest()
                groups[bool(count)].append((key, number, stretch))
        for group in groups.values():
            ordered = [(number, stretch) for _, number, stretch in sorted(group)]
            lengths = np.array([np.diff(self._bounds[number])[stretch] for number, stretch in ordered])
            withheld = np.cumsum(lengths) - lengths / 2 < share * lengths.sum()
            if share < 1:
                withheld[-1:] = False  # something is left of a few songs too
            for (number, stretch), without in zip(ordered, withheld, strict=True):
                self._withheld[number][stretch] = without


def _bounds(num_samples: int, chunk: int, unit: str) -> NDArray[np.int64]:
    """Where a song's stretches begin, and its end; the last one takes what is too short for one more."""
    length = CHUNKS_PER_STRETCH * chunk
    count = 1 if unit == "song" else max(1, num_samples // length)
    return np.append(length * np.arange(count), max(num_samples, chunk))


def _covered(starts: NDArray[np.int64], length: int) -> int:
    """Number of samples in at least one of the chunks that begin at `starts`, which are sorted."""
    return int(np.minimum(np.diff(starts), length).sum()) + length if len(starts) else 0
