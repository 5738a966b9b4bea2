"""Mixdown of one song: raw tracks are summed to stems, and gains bring these to their targets (thesis, 3.1.4).

Everything is read block by block, so that a song need not fit into memory. Sums lie in temporary files; the gains that
bring them to their targets are applied when the stems are written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stemtree.audio import Width, open_source
from stemtree.audio.decibels import to_decibels
from stemtree.audio.loudness import LoudnessMeter
from stemtree.audio.samples import ExactSamples
from stemtree.curation.sessions.panning import place_tracks
from stemtree.curation.sessions.sessions import RawTrack
from stemtree.curation.sessions.streams import PlacedTrack, Spool, mix_tracks, read_spools
from stemtree.curation.stems.settings import STEPS, TARGET_LUFS, TARGET_PEAK_DBFS, StemSettings, is_percussive
from stemtree.errors import AudioError, CorpusError
from stemtree.hierarchy import Hierarchy, NodePath

_HIGHEST: dict[Width, float] = {"pcm16": 1.0, "pcm24": 1.0, "float": 8.0}
"""The highest sample that a width holds."""


@dataclass
class InstrumentStem:
    """The tracks of one instrument, and their sum.

    Parameters
    ----------
    leaf : NodePath
        The instrument.
    tracks : list of PlacedTrack
        Its tracks.
    track_gains : list of float
        The gain of each.
    spool : Spool
        Their sum.
    meter : LoudnessMeter
        Of the sum.
    gain : float
        Brings the sum to its target.
    """

    leaf: NodePath
    tracks: list[PlacedTrack]
    track_gains: list[float]
    spool: Spool
    meter: LoudnessMeter
    gain: float = 0.0


@dataclass
class MusdbStem:
    """A MUSDB-like stem: instrument stems summed and brought to a target again.

    Parameters
    ----------
    node : NodePath
        A node of the hierarchy's second level.
    stems : list of InstrumentStem
        The instrument stems beneath it.
    meter : LoudnessMeter
        Of their sum, each at its own target.
    gain : float
        Brings that sum to the node's target.
    """

    node: NodePath
    stems: list[InstrumentStem]
    meter: LoudnessMeter
    gain: float = 1.0


@dataclass
class Mixdown:
    """A song's stems and gains, before anything is written.

    Parameters
    ----------
    musdb_stems : list of MusdbStem
        In the hierarchy's order.
    num_samples : int
        Length of the longest stem.
    overall_gain : float
        Keeps all samples within what the width holds; 1 where nothing has to be lowered.
    silent : list of str
        Tracks without signal.
    left_out : list of str
        Why tracks that cannot be read are in no stem.
    """

    musdb_stems: list[MusdbStem] = field(default_factory=list)
    num_samples: int = 0
    overall_gain: float = 1.0
    silent: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def stems(self) -> list[InstrumentStem]:
        """All instrument stems, in the hierarchy's order."""
        return [stem for musdb_stem in self.musdb_stems for stem in musdb_stem.stems]

    @property
    def target_gains(self) -> list[float]:
        """Gains of all instrument stems that bring each MUSDB-like stem to its target."""
        return [stem.gain * musdb_stem.gain for musdb_stem in self.musdb_stems for stem in musdb_stem.stems]


def mix_down(tracks: Sequence[RawTrack], tree: Hierarchy, settings: StemSettings, folder: Path) -> Mixdown:
    """Sum the tracks of every instrument into spools, and find all gains.

    Parameters
    ----------
    tracks : sequence of RawTrack
        Of one song.
    tree : Hierarchy
        Its leaves are the instruments.
    settings : StemSettings
        How stems are made.
    folder : pathlib.Path
        For the spools.

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
            if stem := _sum_tracks(leaf, of_leaf, spool, settings, song):
                stems.append(stem)
        if stems:
            song.musdb_stems.append(_sum_stems(node, stems, settings))
    if not song.musdb_stems:
        raise CorpusError("no track has any signal: check the files and their labels")
    song.num_samples = max(stem.spool.num_samples for stem in song.stems)
    song.overall_gain = _overall_gain(song, settings)
    return song


def _sum_tracks(
    leaf: NodePath, tracks: Sequence[RawTrack], spool: Spool, settings: StemSettings, song: Mixdown
) -> InstrumentStem | None:
    """Sum the tracks of one instrument; None where all are silent."""
    placed = _place(leaf, tracks, settings, song)
    gains = _track_gains(leaf, placed, settings, song)
    audible = [(track, gain) for track, gain in zip(placed, gains, strict=True) if gain]
    stem = InstrumentStem(leaf, [track for track, _ in audible], [gain for _, gain in audible], spool, settings.meter())
    for block in spool.fill(mix_tracks(stem.tracks, stem.track_gains, settings.sample_rate, settings.stereo)):
        stem.meter.add(block)
    stem.gain = _target_gain(leaf, stem.meter)
    return stem if stem.gain else None


def _place(leaf: NodePath, tracks: Sequence[RawTrack], settings: StemSettings, song: Mixdown) -> list[PlacedTrack]:
    """Read the headers of the tracks' files, and pan the tracks."""
    shapes = {}
    for track in tracks:
        try:
            source = open_source(track.path)
            shapes[track] = source.channels, source.sample_rate
        except AudioError as error:
            if not settings.skip_bad:
                raise
            song.left_out.append(str(error))
    mono = [channels == 1 for channels, _ in shapes.values()]
    placements = place_tracks([track.name for track in shapes], mono, leaf, settings.automix)
    return [
        PlacedTrack(track, *shape, placement)
        for (track, shape), placement in zip(shapes.items(), placements, strict=True)
    ]


def _track_gains(leaf: NodePath, tracks: list[PlacedTrack], settings: StemSettings, song: Mixdown) -> list[float]:
    """Gains that bring every track to the instrument's target, a left and a right file together; 0 for silence."""
    gains: dict[int, float] = {}
    for unit in dict.fromkeys(track.placement.unit for track in tracks):
        of_unit = [track for track in tracks if track.placement.unit == unit]
        meter = settings.meter()
        try:
            for block in mix_tracks(of_unit, [1.0] * len(of_unit), settings.sample_rate, settings.stereo):
                meter.add(block)
        except AudioError as error:
            if not settings.skip_bad:
                raise
            song.left_out.append(str(error))
            gains[unit] = 0.0
            continue
        gains[unit] = _target_gain(leaf, meter)
        if not gains[unit]:
            song.silent += [track.track.name for track in of_unit]
        elif settings.recorded_balance:
            gains[unit] = 1.0
    return [gains[track.placement.unit] for track in tracks]


def _target_gain(node: NodePath, meter: LoudnessMeter) -> float:
    """The gain that brings a signal to its node's target; 0 where no block of it passes BS.1770's absolute gate."""
    gain = meter.gain_to(TARGET_LUFS)
    return 10 ** (TARGET_PEAK_DBFS / 20) / meter.peak if gain and is_percussive(node) else gain


def _sum_stems(node: NodePath, stems: list[InstrumentStem], settings: StemSettings) -> MusdbStem:
    """Measure the sum of instrument stems, each at its target."""
    musdb_stem = MusdbStem(node, stems, settings.meter())
    for block in _sums(stems, [stem.gain for stem in stems], max(stem.spool.num_samples for stem in stems)):
        musdb_stem.meter.add(block)
    musdb_stem.gain = _target_gain(node, musdb_stem.meter) if len(stems) > 1 else 1.0
    return musdb_stem


def _sums(stems: Sequence[InstrumentStem], gains: Sequence[float], num_samples: int) -> Iterator[ExactSamples]:
    """The sum of stems after a gain each, ``(channel, sample)``."""
    for blocks in read_spools([stem.spool for stem in stems], num_samples):
        yield np.sum([block * gain for block, gain in zip(blocks, gains, strict=True)], axis=0)


def _overall_gain(song: Mixdown, settings: StemSettings) -> float:
    """How far to lower all stems; only the mixture, where stems are to stay at their targets."""
    limit = _HIGHEST[settings.width] - (len(song.stems) + 1) / STEPS[settings.width]  # rounding may add the difference
    peaks = {stem.node: stem.meter.peak * stem.gain for stem in song.musdb_stems}
    mixture_peak = sum(peaks.values())
    if mixture_peak > limit:  # the peaks need not coincide
        sums = _sums(song.stems, song.target_gains, song.num_samples)
        mixture_peak = max(float(np.abs(block).max()) for block in sums)
    gains = [stem.gain for stem in song.stems] if settings.as_thesis else song.target_gains
    peaks |= {stem.leaf: stem.meter.peak * gain for stem, gain in zip(song.stems, gains, strict=True)}
    loudest = max(peaks, key=lambda node: peaks[node])
    if not settings.as_thesis:
        mixture_peak = max(mixture_peak, peaks[loudest])
    elif peaks[loudest] > limit:
        reached = to_decibels(peaks[loudest])
        raise CorpusError(f"the stem '{loudest}' would reach {reached:.1f} dBFS at its target: give --subtype float")
    return min(1.0, limit / mixture_peak)
