"""Augmentation of training examples (thesis, 6.2.2).

Every change is made to stems, before they are summed to nodes; so every node is still the sum of its children.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.track import Corpus
from stemtree.data.matching import MAX_SEMITONES, TEMPO_RANGE, Match, RemixFeatures
from stemtree.data.salience import Chunking
from stemtree.data.stem_excerpt import NUM_BANDS, StemExcerpt
from stemtree.errors import OptionError
from stemtree.hierarchy import NodePath, is_within


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Which augmentations are applied; none by default. Proportions are probabilities, drawn for each stem.

    Parameters
    ----------
    swap : float
        Probability that a stem's channels are exchanged.
    gain : (float, float)
        Range of a stem's gain factor.
    shift : float
        Probability that a stem is taken from another chunk of its song.
    other_song : float
        Probability that a stem is replaced by one of the same leaf from another song.
    doubled : float
        Probability that a stem of the same leaf from another song is added (mix-audio).
    drop : float
        Probability that a stem is left out of the mixture, so that the model does not learn that a leaf is always
        present. One stem is always kept.
    pitch : float
        Largest pitch shift, up or down, in semitones; the same for all pitched stems of an example.
    tempo : (float, float)
        Range of the tempo factor, the same for all stems of an example.
    speed : (float, float)
        Range of the factor by which both pitch and tempo rise, as on a tape; the same for all stems of an example.
    equaliser : float
        Largest boost or cut in dB, drawn for each octave of each stem, so that its timbre changes.
    remix : float
        Proportion of examples in which each leaf comes either from the song or from another one that matches it in
        tempo and key, and that is stretched, shifted and aligned to its beats (`stemtree.data.matching`). A leaf that
        only one of the two songs has comes from that one. `shift`, `other_song` and `doubled` do not apply to these.
    pitched_out : tuple of NodePath
        Leaves at or below these nodes keep their pitch.

    Raises
    ------
    OptionError
        If a probability is not in [0, 1] or a range is not one of positive numbers.
    """

    swap: float = 0.0
    gain: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    other_song: float = 0.0
    doubled: float = 0.0
    drop: float = 0.0
    pitch: float = 0.0
    tempo: tuple[float, float] = (1.0, 1.0)
    speed: tuple[float, float] = (1.0, 1.0)
    equaliser: float = 0.0
    remix: float = 0.0
    pitched_out: tuple[NodePath, ...] = ("accompaniment/percussion", "percussion", "drums", "accompaniment/drums")

    def __post_init__(self) -> None:
        for name in ("swap", "shift", "other_song", "doubled", "drop", "remix"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"'{name}' is {getattr(self, name)}: give a share between 0 and 1")
        for name in ("gain", "tempo", "speed"):
            low, high = getattr(self, name)
            if not 0 < low <= high < inf:
                raise OptionError(f"'{name}' is {(low, high)}: give a range of positive numbers, the lower first")
        if not 0 <= self.pitch < inf:
            raise OptionError(f"'pitch' is {self.pitch}: give the largest shift in semitones, 0 or more")
        if not 0 <= self.equaliser < inf:
            raise OptionError(f"'equaliser' is {self.equaliser}: give the largest boost in dB, 0 or more")


@dataclass(frozen=True, slots=True)
class RemixPartner:
    """A song, by its number in the corpus, that another can be remixed with, and how it must be changed for that."""

    track: int
    match: Match


class Augmenter:
    """Draws augmentations of the stems of a chunk.

    Parameters
    ----------
    augmentation : Augmentation
        Which augmentations are applied.
    corpus : Corpus
        Where stems of other songs come from.
    chunking : Chunking
        Where chunks begin.
    remix_features : mapping of str to RemixFeatures, optional
        Of every song by its id; needed for remixes.
    is_missing : callable, optional
        ``is_missing(track, start)`` says whether the chunk of a song (by number) at a sample is removed; no stem is
        taken from there.

    Raises
    ------
    OptionError
        If remixes are wanted and a song has no features.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        corpus: Corpus,
        chunking: Chunking,
        remix_features: Mapping[str, RemixFeatures] | None = None,
        is_missing: Callable[[int, int], bool] = lambda track, start: False,
    ) -> None:
        self._features = remix_features or {}
        lacking = [track.id for track in corpus.tracks if track.id not in self._features]
        if augmentation.remix and lacking:
            raise OptionError(
                f"a remix needs the songs' tempi and keys, and '{lacking[0]}' has none: give `remix_features` of "
                "the corpus"
            )
        self._augmentation, self._tracks, self._chunking = augmentation, corpus.tracks, chunking
        self._is_missing = is_missing
        self._partners_of: dict[int, list[RemixPartner]] = {}
        self._starts_of: dict[int, NDArray[np.int64]] = {}
        self._stems_of_leaf: dict[NodePath, list[tuple[int, int]]] = defaultdict(list)
        for track_number, track in enumerate(corpus.tracks):
            for stem_number, stem in enumerate(track.stems):
                self._stems_of_leaf[stem.leaf].append((track_number, stem_number))

    def augment(
        self, excerpts: Sequence[StemExcerpt], generator: np.random.Generator, avoid: int | None = None
    ) -> list[StemExcerpt]:
        """Draw augmentations of a song's stems.

        Parameters
        ----------
        excerpts : sequence of StemExcerpt
            Of one song.
        generator : numpy.random.Generator
            Of all random choices.
        avoid : int, optional
            Number of a song from which no stem is taken: a query's.

        Returns
        -------
        list of StemExcerpt
            What the mixture is made of. A stem is not replaced where no other song has its leaf.
        """
        settings = self._augmentation
        partners = self._partners(excerpts[0].track, avoid) if generator.random() < settings.remix and excerpts else []
        pitch, tempo = generator.uniform(-settings.pitch, settings.pitch), generator.uniform(*settings.tempo)
        # Nothing is drawn where nothing changes, so that runs without a speed draw what they drew before there was one.
        speed = generator.uniform(*settings.speed) if settings.speed != (1.0, 1.0) else 1.0
        if partners:
            partner = partners[generator.integers(len(partners))]
            excerpts = self._remix(excerpts, partner, generator)
            pitch, tempo = self._limit_to_range(partner.match, pitch, tempo)
        else:
            excerpts = [other for excerpt in excerpts for other in self._replace(excerpt, generator, avoid)]
        if settings.drop and excerpts:
            kept = [excerpt for excerpt in excerpts if generator.random() >= settings.drop]
            excerpts = kept or [excerpts[generator.integers(len(excerpts))]]
        return [
            replace(self._with_random_effects(excerpt, pitch, tempo, generator), speed=speed) for excerpt in excerpts
        ]

    def _replace(self, excerpt: StemExcerpt, generator: np.random.Generator, avoid: int | None) -> list[StemExcerpt]:
        """Apply `doubled`, and `other_song` or `shift`, to a stem: one excerpt or, if doubled, two."""
        settings = self._augmentation
        doubled = self._from_another_song(excerpt, generator, avoid) if generator.random() < settings.doubled else None
        if generator.random() < settings.other_song:
            excerpt = self._from_another_song(excerpt, generator, avoid) or excerpt
        elif generator.random() < settings.shift and len(self._starts(excerpt.track)):
            excerpt = replace(excerpt, start=self._draw_start(excerpt.track, generator))
        return [excerpt, doubled] if doubled else [excerpt]

    def _with_random_effects(
        self, excerpt: StemExcerpt, pitch: float, tempo: float, generator: np.random.Generator
    ) -> StemExcerpt:
        leaf = self._leaf(excerpt)
        keeps_pitch = any(is_within(leaf, node) for node in self._augmentation.pitched_out)
        return replace(
            excerpt,
            gain=generator.uniform(*self._augmentation.gain),
            swapped=bool(generator.random() < self._augmentation.swap),
            pitch=0.0 if keeps_pitch else excerpt.pitch + pitch,
            tempo=excerpt.tempo * tempo,
            equaliser=self._draw_equaliser(generator),
        )

    def _draw_equaliser(self, generator: np.random.Generator) -> tuple[float, ...]:
        most = self._augmentation.equaliser
        return tuple(generator.uniform(-most, most, NUM_BANDS).tolist()) if most else ()

    def _remix(
        self, excerpts: Sequence[StemExcerpt], partner: RemixPartner, generator: np.random.Generator
    ) -> list[StemExcerpt]:
        """Take each leaf from the song or its partner at random; a leaf that only one of them has from that one."""
        start = self._start_on_a_beat(excerpts[0], partner, generator)
        partners = [
            StemExcerpt(partner.track, stem, start, pitch=partner.match.semitones, tempo=partner.match.tempo)
            for stem in range(len(self._tracks[partner.track].stems))
        ]
        own_leaves, partner_leaves = ({self._leaf(excerpt) for excerpt in song} for song in (excerpts, partners))
        from_own = {leaf for leaf in sorted(own_leaves & partner_leaves) if generator.integers(2)}
        from_own |= own_leaves - partner_leaves
        return [excerpt for excerpt in excerpts if self._leaf(excerpt) in from_own] + [
            excerpt for excerpt in partners if self._leaf(excerpt) not in from_own
        ]

    def _limit_to_range(self, match: Match, pitch: float, tempo: float) -> tuple[float, float]:
        """Clip an example's pitch shift and tempo factor so that the partner, changed already, stays in range.

        The ranges are those of the augmentation or of matching, whichever is wider.
        """
        most = max(self._augmentation.pitch, MAX_SEMITONES)
        low = min(self._augmentation.tempo[0], TEMPO_RANGE[0])
        high = max(self._augmentation.tempo[1], TEMPO_RANGE[1])
        return (
            float(np.clip(pitch, -most - match.semitones, most - match.semitones)),
            float(np.clip(tempo, low / match.tempo, high / match.tempo)),
        )

    def _partners(self, track: int, avoid: int | None) -> list[RemixPartner]:
        """Songs that a song can be remixed with."""
        if track not in self._partners_of:
            own = self._features[self._tracks[track].id]
            matches = [own.match(self._features[other.id]) for other in self._tracks]
            self._partners_of[track] = [
                RemixPartner(other, match) for other, match in enumerate(matches) if match and other != track
            ]
        return [partner for partner in self._partners_of[track] if self._is_available(partner.track, avoid)]

    def _start_on_a_beat(self, excerpt: StemExcerpt, partner: RemixPartner, generator: np.random.Generator) -> int:
        """First sample of a partner such that its beats, once stretched, coincide with those of an excerpt.

        Of all such samples the nearest to a random chunk is taken; without beats, the start of that chunk.
        """
        track = self._tracks[partner.track]
        rate, partner_beats = track.sample_rate, self._features[track.id].beats
        own_beats = self._features[self._tracks[excerpt.track].id].beats - excerpt.start / rate
        own_beats, drawn = own_beats[own_beats >= 0], self._draw_start(partner.track, generator)
        if not len(own_beats) or not len(partner_beats):
            return drawn
        starts = np.rint((partner_beats - own_beats[0] * partner.match.tempo) * rate).astype(np.int64)
        starts = starts[[start >= 0 and not self._is_missing(partner.track, int(start)) for start in starts]]
        return int(starts[np.argmin(np.abs(starts - drawn))]) if len(starts) else drawn

    def _leaf(self, excerpt: StemExcerpt) -> NodePath:
        return self._tracks[excerpt.track].stems[excerpt.stem].leaf

    def _from_another_song(
        self, excerpt: StemExcerpt, generator: np.random.Generator, avoid: int | None
    ) -> StemExcerpt | None:
        """A stem of the same leaf from any chunk of another song; None if there is none."""
        stems = self._stems_of_leaf[self._leaf(excerpt)]
        others = [stem for stem in stems if stem[0] != excerpt.track and self._is_available(stem[0], avoid)]
        if not others:
            return None
        track, stem = others[generator.integers(len(others))]
        return StemExcerpt(track, stem, self._draw_start(track, generator))

    def _is_available(self, track: int, avoid: int | None) -> bool:
        """Whether stems may be taken from a song."""
        return track != avoid and len(self._starts(track)) > 0

    def _draw_start(self, track: int, generator: np.random.Generator) -> int:
        return int(generator.choice(self._starts(track)))

    def _starts(self, track: int) -> NDArray[np.int64]:
        """First samples of the chunks of a song that stems may be taken from."""
        if track not in self._starts_of:
            starts = self._chunking.starts(self._tracks[track])
            self._starts_of[track] = starts[[not self._is_missing(track, int(start)) for start in starts]]
        return self._starts_of[track]
