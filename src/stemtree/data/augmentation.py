"""New songs from old ones: the classic augmentations (thesis, 6.2.2), on stems, so that every node stays their sum."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stemtree.audio.samples import Samples
from stemtree.corpora.track import Corpus
from stemtree.data.matching import SEMITONES, TEMPO_RANGE, Pulse
from stemtree.data.salience import Chunking
from stemtree.errors import OptionError
from stemtree.hierarchy import NodePath, is_within

Fit = tuple[int, float, int]
"""A song's number, and the tempo factor and shift in semitones that make it fit another."""


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
    drop : float
        Share that is left out of the mixture, so that no leaf is taken to be always there; one stem always stays.
    pitch : float
        Largest shift up or down, in semitones; the same for all pitched stems of a song.
    tempo : (float, float)
        Range that a song's tempo factor is drawn from.
    remix : float
        Share of examples in which each leaf comes from the song or from another one that fits in tempo and key, which
        is stretched, shifted and laid beat on beat (`stemtree.data.matching`). A leaf that only one of the two has
        comes from that one. Remixed stems stay together: `shift`, `other_song` and `doubled` are for the others.
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
    drop: float = 0.0
    pitch: float = 0.0
    tempo: tuple[float, float] = (1.0, 1.0)
    remix: float = 0.0
    pitched_out: tuple[NodePath, ...] = ("accompaniment/percussion", "percussion", "drums", "accompaniment/drums")

    def __post_init__(self) -> None:
        for name in ("swap", "shift", "other_song", "doubled", "drop", "remix"):
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
    pulses : mapping of str to Pulse, optional
        Tempo, key and beats of every song, which remixes need.
    is_missing : callable, optional
        Whether the truth of the chunk of a song (by number) at a sample was taken away: no stem is drawn from there.

    Raises
    ------
    OptionError
        If remixes are asked for without the pulse of every song.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        corpus: Corpus,
        chunking: Chunking,
        pulses: Mapping[str, Pulse] | None = None,
        is_missing: Callable[[int, int], bool] = lambda track, start: False,
    ) -> None:
        self._pulses = pulses or {}
        lacking = [track.id for track in corpus.tracks if track.id not in self._pulses]
        if augmentation.remix and lacking:
            raise OptionError(
                f"a remix needs the songs' tempi and keys, and '{lacking[0]}' has none: give the corpus's `pulses`"
            )
        self._do, self._tracks, self._chunking, self._is_missing = augmentation, corpus.tracks, chunking, is_missing
        self._fitting: dict[int, list[Fit]] = {}
        self._starts: dict[int, NDArray[np.int64]] = {}
        self._by_leaf: dict[NodePath, list[tuple[int, int]]] = defaultdict(list)
        for track_number, track in enumerate(corpus.tracks):
            for stem_number, stem in enumerate(track.stems):
                self._by_leaf[stem.leaf].append((track_number, stem_number))

    def vary(self, cuts: Sequence[Cut], random: np.random.Generator, avoid: int | None = None) -> list[Cut]:
        """Draw what happens to a song's stems; where there is no other song with a leaf, its stem stays.

        Parameters
        ----------
        cuts : sequence of Cut
            The song's.
        random : numpy.random.Generator
            Decides everything.
        avoid : int, optional
            A song that nothing is taken from: a query's.
        """
        do = self._do
        fitting = self._fits(cuts[0].track, avoid) if random.random() < do.remix else []
        pitch, tempo = random.uniform(-do.pitch, do.pitch), random.uniform(*do.tempo)
        if fitting:
            partner = fitting[random.integers(len(fitting))]
            cuts = self._remix(cuts, partner, random)
            pitch, tempo = self._within_range(partner, pitch, tempo)
        else:
            cuts = [other for cut in cuts for other in self._exchange(cut, random, avoid)]
        if do.drop:
            cuts = [cut for cut in cuts if random.random() >= do.drop] or [cuts[random.integers(len(cuts))]]
        return [self._shade(cut, pitch, tempo, random) for cut in cuts]

    def _exchange(self, cut: Cut, random: np.random.Generator, avoid: int | None) -> list[Cut]:
        """What comes in a stem's place: itself, another stretch of it, or another song's; and what comes on top."""
        do = self._do
        doubled = self._elsewhere(cut, random, avoid) if random.random() < do.doubled else None
        if random.random() < do.other_song:
            cut = self._elsewhere(cut, random, avoid) or cut
        elif random.random() < do.shift and len(self._open(cut.track)):
            cut = replace(cut, start=self._chunk(cut.track, random))
        return [cut, doubled] if doubled else [cut]

    def _shade(self, cut: Cut, pitch: float, tempo: float, random: np.random.Generator) -> Cut:
        leaf = self._leaf(cut)
        keeps_pitch = any(is_within(leaf, node) for node in self._do.pitched_out)
        return replace(
            cut,
            gain=random.uniform(*self._do.gain),
            swapped=bool(random.random() < self._do.swap),
            pitch=0.0 if keeps_pitch else cut.pitch + pitch,
            tempo=cut.tempo * tempo,
        )

    def _remix(self, cuts: Sequence[Cut], partner: Fit, random: np.random.Generator) -> list[Cut]:
        """Take each leaf from this song or from its partner; a leaf that one of them lacks from the other."""
        other, tempo, pitch = partner
        start = self._on_the_beat(cuts[0], other, tempo, random)
        theirs = [Cut(other, stem, start, pitch=pitch, tempo=tempo) for stem in range(len(self._tracks[other].stems))]
        songs = [{self._leaf(cut) for cut in song} for song in (cuts, theirs)]
        from_us = {leaf for leaf in sorted(songs[0] & songs[1]) if random.integers(2)} | (songs[0] - songs[1])
        return [cut for cut in (*cuts, *theirs) if (self._leaf(cut) in from_us) == (cut.track != other)]

    def _within_range(self, partner: Fit, pitch: float, tempo: float) -> tuple[float, float]:
        """Clip what is done to both songs so far that what is done to the partner on top keeps in range as well."""
        _, factor, shift = partner
        most = max(self._do.pitch, SEMITONES)
        low, high = min(self._do.tempo[0], TEMPO_RANGE[0]), max(self._do.tempo[1], TEMPO_RANGE[1])
        return float(np.clip(pitch, -most - shift, most - shift)), float(np.clip(tempo, low / factor, high / factor))

    def _fits(self, track: int, avoid: int | None) -> list[Fit]:
        """Songs that fit one."""
        if track not in self._fitting:
            own = self._pulses[self._tracks[track].id]
            matches = [(other, own.fit(self._pulses[song.id])) for other, song in enumerate(self._tracks)]
            self._fitting[track] = [(other, *match) for other, match in matches if match and other != track]
        return [fit for fit in self._fitting[track] if fit[0] != avoid and len(self._open(fit[0]))]

    def _on_the_beat(self, cut: Cut, other: int, tempo: float, random: np.random.Generator) -> int:
        """Where another song begins so that its beats, stretched, fall on those of a cut."""
        song, theirs = self._tracks[other], self._pulses[self._tracks[other].id].beats
        rate = song.sample_rate
        ours = self._pulses[self._tracks[cut.track].id].beats - cut.start / rate
        ours, near = ours[ours >= 0], self._chunk(other, random)
        if not len(ours) or not len(theirs):
            return near
        starts = np.rint((theirs - ours[0] * tempo) * rate).astype(np.int64)
        starts = starts[[start >= 0 and not self._is_missing(other, int(start)) for start in starts]]
        return int(starts[np.argmin(np.abs(starts - near))]) if len(starts) else near

    def _leaf(self, cut: Cut) -> NodePath:
        return self._tracks[cut.track].stems[cut.stem].leaf

    def _elsewhere(self, cut: Cut, random: np.random.Generator, avoid: int | None) -> Cut | None:
        """A stem of the same leaf in another song, from any chunk."""
        places = self._by_leaf[self._leaf(cut)]
        others = [place for place in places if place[0] not in (cut.track, avoid) and len(self._open(place[0]))]
        if not others:
            return None
        track, stem = others[random.integers(len(others))]
        return Cut(track, stem, self._chunk(track, random))

    def _chunk(self, track: int, random: np.random.Generator) -> int:
        return int(random.choice(self._open(track)))

    def _open(self, track: int) -> NDArray[np.int64]:
        """First samples of the chunks of a song that may be drawn from."""
        if track not in self._starts:
            starts = self._chunking.starts(self._tracks[track])
            self._starts[track] = starts[[not self._is_missing(track, int(start)) for start in starts]]
        return self._starts[track]


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
