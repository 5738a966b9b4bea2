"""New songs from old ones: the classic augmentations (thesis, 6.2.2), on stems, so that every node stays their sum."""

from __future__ import annotations  # the aliases of tensors are names, not classes

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemtree.corpora.track import Corpus, Track
from stemtree.errors import OptionError
from stemtree.examples.salience import Chunking
from stemtree.types import Path, Samples


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of one stem, and what is done to it.

    Parameters
    ----------
    track, stem : int
        Numbers in the corpus and in the song.
    start : int
        First sample.
    gain : float
        Factor.
    swapped : bool
        Whether left and right change places.
    pitch : float
        Shift in semitones.
    tempo : float
        Factor; above 1 is faster.
    """

    track: int
    stem: int
    start: int
    gain: float = 1.0
    swapped: bool = False
    pitch: float = 0.0
    tempo: float = 1.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What may be done to stems; each on its own, nothing by default. Shares are probabilities for each stem.

    Parameters
    ----------
    swap : float
        Share whose channels are swapped.
    gain : (float, float)
        Range that every stem's gain is drawn from.
    shift : float
        Share that is cut from another chunk of its song.
    other_song : float
        Share that is replaced by a stem of the same leaf from another song.
    doubled : float
        Share that gets a stem of the same leaf from another song on top (mix-audio).
    pitch : float
        Largest shift up or down, in semitones; the same for all pitched stems of a song.
    tempo : (float, float)
        Range that a song's tempo factor is drawn from.
    pitched_out : tuple of str
        Leaves beneath these nodes keep their pitch.

    Raises
    ------
    OptionError
        If a share is not in [0, 1] or a range is not one of positive numbers.
    """

    swap: float = 0.0
    gain: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    other_song: float = 0.0
    doubled: float = 0.0
    pitch: float = 0.0
    tempo: tuple[float, float] = (1.0, 1.0)
    pitched_out: tuple[Path, ...] = ("accompaniment/percussion", "percussion", "drums", "accompaniment/drums")

    def __post_init__(self) -> None:
        for name in ("swap", "shift", "other_song", "doubled"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"'{name}' is {getattr(self, name)}: give a share between 0 and 1")
        for name in ("gain", "tempo"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise OptionError(f"'{name}' is {(low, high)}: give a range of positive numbers, the lower first")
        if self.pitch < 0:
            raise OptionError(f"'pitch' is {self.pitch}: give the largest shift in semitones, 0 or more")


class Augmenter:
    """Applies an augmentation to the stems of drawn chunks.

    Parameters
    ----------
    augmentation : Augmentation
        What is done.
    corpus : Corpus
        Where other stems come from.
    chunking : Chunking
        Where chunks begin.
    """

    def __init__(self, augmentation: Augmentation, corpus: Corpus, chunking: Chunking) -> None:
        self._do, self._tracks, self._chunking = augmentation, corpus.tracks, chunking
        self._by_leaf: dict[Path, list[tuple[int, int]]] = defaultdict(list)
        for track_number, track in enumerate(corpus.tracks):
            for stem_number, stem in enumerate(track.stems):
                self._by_leaf[stem.leaf].append((track_number, stem_number))

    def vary(self, cuts: Sequence[Cut], random: np.random.Generator) -> list[Cut]:
        """Draw what happens to a song's stems; where there is no other song with a leaf, its stem stays."""
        do = self._do
        pitch, tempo = random.uniform(-do.pitch, do.pitch), random.uniform(*do.tempo)
        varied = []
        for cut in cuts:
            doubled = self._elsewhere(cut, random) if random.random() < do.doubled else None
            if random.random() < do.other_song:
                cut = self._elsewhere(cut, random) or cut
            elif random.random() < do.shift:
                cut = replace(cut, start=self._chunk(self._tracks[cut.track], random))
            for each in (cut, doubled):
                if each is not None:
                    varied.append(self._shade(each, pitch, tempo, random))
        return varied

    def _shade(self, cut: Cut, pitch: float, tempo: float, random: np.random.Generator) -> Cut:
        leaf = self._tracks[cut.track].stems[cut.stem].leaf
        keeps_pitch = any(f"{leaf}/".startswith(f"{node}/") for node in self._do.pitched_out)
        return replace(
            cut,
            gain=random.uniform(*self._do.gain),
            swapped=bool(random.random() < self._do.swap),
            pitch=0.0 if keeps_pitch else pitch,
            tempo=tempo,
        )

    def _elsewhere(self, cut: Cut, random: np.random.Generator) -> Cut | None:
        """A stem of the same leaf in another song, from any chunk."""
        leaf = self._tracks[cut.track].stems[cut.stem].leaf
        others = [place for place in self._by_leaf[leaf] if place[0] != cut.track]
        if not others:
            return None
        track, stem = others[random.integers(len(others))]
        return Cut(track, stem, self._chunk(self._tracks[track], random))

    def _chunk(self, track: Track, random: np.random.Generator) -> int:
        return int(random.choice(self._chunking.starts(track)))


def apply(samples: Samples, cut: Cut, sample_rate: int, length: int) -> Samples:
    """Do to ``(channel, sample)`` audio what a cut says; comes back `length` samples long."""
    if cut.swapped:
        samples = samples[::-1]
    if cut.pitch or cut.tempo != 1:
        import pedalboard

        samples = pedalboard.time_stretch(np.ascontiguousarray(samples), sample_rate, cut.tempo, cut.pitch)
    fitted = np.zeros((samples.shape[0], length), np.float32)
    kept = min(length, samples.shape[1])
    np.multiply(samples[:, :kept], np.float32(cut.gain), out=fitted[:, :kept])
    return fitted
