"""One song's levels: from raw tracks to the gains of stems that add up (thesis, 3.1.4), in bounded memory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stemtree.audio import OutputFormat, Width, open_source
from stemtree.audio.loudness import LoudnessMeter
from stemtree.audio.samples import ExactSamples
from stemtree.curation.sessions.panning import place_tracks
from stemtree.curation.sessions.sessions import RawTrack
from stemtree.curation.sessions.streams import PlacedTrack, Spool, mix_tracks, read_spools
from stemtree.errors import AudioError, CorpusError, OptionError
from stemtree.hierarchy import Hierarchy, NodePath

LOUDNESS, PEAK = -25.0, -1.0
"""What stems are brought to: LUFS where they are pitched, dBFS of the highest sample where they are percussive."""

STEPS: dict[Width, int] = {"pcm16": 1 << 15, "pcm24": 1 << 23, "float": 1 << 21}
"""Whole steps for a sample of 1. Floats are whole steps as well, so that they too add up without rounding."""

_HIGHEST: dict[Width, float] = {"pcm16": 1.0, "pcm24": 1.0, "float": 8.0}
_PERCUSSIVE = {"percussion", "drums", "drum_set", "nontonal_percussion"}


@dataclass(frozen=True)
class StemSettings:
    """How stems are made.

    Parameters
    ----------
    hierarchy : str
        Name or file; its leaves are the instrument stems, its second level the MUSDB-like ones.
    sample_rate : int
        In Hz, of everything that is written.
    stereo : bool
        Two channels or one.
    width : {"float", "pcm24", "pcm16"}
        Floats keep every stem at its target; integers lower a whole song where its mixture would clip.
    as_thesis : bool
        Leave instrument stems at their own targets, so that they do not add up to anything, and record the gains.
    recorded_balance : bool
        Do not bring an instrument's tracks to one level before they are summed.
    automix : bool
        Spread takes of one part (`stemtree.curation.sessions.panning.place_tracks`).
    drop_bleed : bool
        Leave out tracks in which other instruments leak.
    skip_bad : bool
        Make a song without the tracks that cannot be used, instead of leaving the song out.

    Raises
    ------
    OptionError
        If the rate or the width cannot be.
    """

    hierarchy: str = "ms21"
    sample_rate: int = 44100
    stereo: bool = True
    width: Width = "float"
    as_thesis: bool = False
    recorded_balance: bool = False
    automix: bool = False
    drop_bleed: bool = False
    skip_bad: bool = False

    def __post_init__(self) -> None:
        OutputFormat("wav", self.width)
        if not 8000 <= self.sample_rate <= 192000:
            raise OptionError(f"a sample rate of {self.sample_rate} Hz cannot be: give 8000 to 192000")

    @property
    def channels(self) -> int:
        """Of everything that is written."""
        return 2 if self.stereo else 1

    def meter(self) -> LoudnessMeter:
        """A fresh one for what is written."""
        return LoudnessMeter(self.sample_rate, self.channels)


@dataclass
class InstrumentStem:
    """The tracks of one instrument, and their sum.

    Parameters
    ----------
    leaf : NodePath
        The instrument.
    parts : list of PlacedTrack
        Its tracks.
    factors : list of float
        What each was multiplied with.
    spool : Spool
        Their sum.
    meter : LoudnessMeter
        Of the sum.
    gain : float
        What brings the sum to its target.
    """

    leaf: NodePath
    parts: list[PlacedTrack]
    factors: list[float]
    spool: Spool
    meter: LoudnessMeter
    gain: float = 0.0


@dataclass
class Group:
    """A MUSDB-like stem: instrument stems added up and brought to a target again.

    Parameters
    ----------
    node : NodePath
        In the hierarchy's second level.
    stems : list of InstrumentStem
        What it is made of.
    meter : LoudnessMeter
        Of their sum, each at its own target.
    gain : float
        What brings that to the node's target.
    """

    node: NodePath
    stems: list[InstrumentStem]
    meter: LoudnessMeter
    gain: float = 1.0


@dataclass
class Mixdown:
    """All that is known of a song before it is written.

    Parameters
    ----------
    groups : list of Group
        In the hierarchy's order, and so all stems.
    samples : int
        Length of the longest.
    overall : float
        The gain that keeps everything within what the width holds; 1 where nothing has to be lowered.
    silent : list of str
        Tracks without signal.
    left_out : list of str
        Why tracks that cannot be read are not in it.
    """

    groups: list[Group] = field(default_factory=list)
    samples: int = 0
    overall: float = 1.0
    silent: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def stems(self) -> list[InstrumentStem]:
        """Of all groups."""
        return [stem for group in self.groups for stem in group.stems]


def is_percussive(node: NodePath) -> bool:
    """Whether a node is brought to a peak instead of a loudness."""
    return not _PERCUSSIVE.isdisjoint(node.split("/"))


def decibels(factor: float) -> float:
    """A gain or a peak in dB; minus infinity for 0."""
    return 20 * math.log10(factor) if factor else -math.inf


def mix_down(tracks: Sequence[RawTrack], tree: Hierarchy, settings: StemSettings, folder: Path) -> Mixdown:
    """Add the tracks of every instrument up into spools in a folder, and settle all gains.

    Raises
    ------
    AudioError
        If a track cannot be read, unless bad ones are to be skipped.
    CorpusError
        If no track has any signal, or if stems that may not be lowered exceed what the width holds.
    """
    song = Mixdown()
    for node in tree.at_level(min(2, tree.levels)):
        stems = []
        for leaf in tree.leaves(node):
            of_leaf = [track for track in tracks if track.leaf == leaf]
            spool = Spool(folder / f"{leaf.replace('/', '.')}.spool", settings.channels)
            if stem := _add_up(leaf, of_leaf, spool, settings, song):
                stems.append(stem)
        if stems:
            song.groups.append(_group(node, stems, settings))
    if not song.groups:
        raise CorpusError("no track has any signal: check the files and their labels")
    song.samples = max(stem.spool.num_samples for stem in song.stems)
    song.overall = _overall(song, settings)
    return song


def _add_up(
    leaf: NodePath, tracks: Sequence[RawTrack], spool: Spool, settings: StemSettings, song: Mixdown
) -> InstrumentStem | None:
    parts = _open(leaf, tracks, settings, song)
    factors = _factors(leaf, parts, settings, song)
    heard = [(part, factor) for part, factor in zip(parts, factors, strict=True) if factor]
    stem = InstrumentStem(leaf, [part for part, _ in heard], [factor for _, factor in heard], spool, settings.meter())
    for block in spool.fill(mix_tracks(stem.parts, stem.factors, settings.sample_rate, settings.stereo)):
        stem.meter.add(block)
    stem.gain = _target_gain(leaf, stem.meter)
    return stem if stem.gain else None


def _open(leaf: NodePath, tracks: Sequence[RawTrack], settings: StemSettings, song: Mixdown) -> list[PlacedTrack]:
    """Look at the files' headers and pan them."""
    shapes = {}
    for track in tracks:
        try:
            source = open_source(track.path)
            shapes[track] = source.channels, source.sample_rate
        except AudioError as error:
            if not settings.skip_bad:
                raise
            song.left_out.append(str(error))
    readable = list(shapes)
    mono = [channels == 1 for channels, _ in shapes.values()]
    placements = place_tracks([track.name for track in readable], mono, leaf, settings.automix)
    return [PlacedTrack(track, *shapes[track], placed) for track, placed in zip(readable, placements, strict=True)]


def _factors(leaf: NodePath, parts: list[PlacedTrack], settings: StemSettings, song: Mixdown) -> list[float]:
    """Bring every track to the target of its instrument, two files of one recording together; 0 for silence."""
    found: dict[int, float] = {}
    for unit in dict.fromkeys(part.placement.unit for part in parts):
        together = [part for part in parts if part.placement.unit == unit]
        names = [part.track.name for part in together]
        meter = settings.meter()
        try:
            for block in mix_tracks(together, [1.0] * len(together), settings.sample_rate, settings.stereo):
                meter.add(block)
        except AudioError as error:
            if not settings.skip_bad:
                raise
            song.left_out.append(str(error))
            found[unit] = 0.0
            continue
        found[unit] = _target_gain(leaf, meter)
        if not found[unit]:
            song.silent += names
        elif settings.recorded_balance:
            found[unit] = 1.0
    return [found[part.placement.unit] for part in parts]


def _target_gain(node: NodePath, meter: LoudnessMeter) -> float:
    """What brings a signal to its node's target; 0 where no block of it passes BS.1770's absolute gate."""
    gain = meter.gain_to(LOUDNESS)
    return 10 ** (PEAK / 20) / meter.peak if gain and is_percussive(node) else gain


def _group(node: NodePath, stems: list[InstrumentStem], settings: StemSettings) -> Group:
    group = Group(node, stems, settings.meter())
    gains, samples = [stem.gain for stem in stems], max(stem.spool.num_samples for stem in stems)
    for total in _sums(stems, gains, samples):
        group.meter.add(total)
    group.gain = _target_gain(node, group.meter) if len(stems) > 1 else 1.0
    return group


def _sums(stems: Sequence[InstrumentStem], gains: Sequence[float], samples: int) -> Iterator[ExactSamples]:
    for blocks in read_spools([stem.spool for stem in stems], samples):
        yield np.sum([block * gain for block, gain in zip(blocks, gains, strict=True)], axis=0)


def _overall(song: Mixdown, settings: StemSettings) -> float:
    """How far to lower everything; only the mixture, where stems are to stay at their targets."""
    room = _HIGHEST[settings.width] - (len(song.stems) + 1) / STEPS[settings.width]  # what rounding may add
    peaks = {group.node: group.meter.peak * group.gain for group in song.groups}
    gains = [stem.gain * group.gain for group in song.groups for stem in group.stems]
    mixture = sum(peaks.values())
    if mixture > room:  # the peaks need not meet
        mixture = max(float(np.abs(total).max()) for total in _sums(song.stems, gains, song.samples))
    kept = [stem.gain for stem in song.stems] if settings.as_thesis else gains
    peaks |= {stem.leaf: stem.meter.peak * gain for stem, gain in zip(song.stems, kept, strict=True)}
    loudest = max(peaks, key=lambda node: peaks[node])
    if not settings.as_thesis:
        mixture = max(mixture, peaks[loudest])
    elif peaks[loudest] > room:
        raise CorpusError(
            f"the stem '{loudest}' would reach {decibels(peaks[loudest]):.1f} dBFS at its target: give --subtype float"
        )
    return min(1.0, room / mixture)
