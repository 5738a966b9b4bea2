"""A song's ``_METADATA.yaml``: MedleyDB's keys, and how the stems were made."""

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from stemtree.audio.decibels import to_decibels
from stemtree.audio.loudness import LoudnessMeter
from stemtree.curation.bleed.table import Leak
from stemtree.curation.sessions.csv_tables import write_text
from stemtree.curation.sessions.sessions import RawTrack, Session
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.stems.mixdown import InstrumentStem, Mixdown
from stemtree.curation.stems.settings import TARGET_LUFS, TARGET_PEAK_DBFS, StemSettings, is_percussive
from stemtree.curation.stems.write import musdb_stem_file, raw_file, stem_file
from stemtree.hierarchy import Hierarchy, own_name
from stemtree.version import __version__

_FORMAT = 1
"""Part of the fingerprint: raise it when the stems of the same song come out differently."""

_VOCAL = {"vocal", "vocals"}


def fingerprint(session: Session, tracks: tuple[RawTrack, ...], tree: Hierarchy, settings: StemSettings) -> str:
    """A checksum of everything that the audio depends on; of raw files the size and the time of change."""
    files = [track.state for track in tracks]
    decisive = [_FORMAT, asdict(settings), tree.as_dict(), files, [problem.message for problem in session.problems]]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def describe_audio(
    song: Mixdown, mixture: LoudnessMeter, session: Session, name: str, tree: Hierarchy, settings: StemSettings
) -> dict[str, Any]:
    """The keys that follow from the raw tracks, their labels and the settings."""
    return {
        "mix_filename": f"{name}_MIX.wav",
        "raw_dir": f"{name}_RAW",
        "stem_dir": f"{name}_STEMS",
        "stems": _describe_stems(song, name, settings),
        "musdb_stems": _describe_musdb_stems(song, name, settings),
        "mixture": _loudness(mixture, 1.0),
        "overall_gain_db": _gain_db(song.overall_gain),
        "adds_up": not settings.as_thesis,
        "hierarchy": {"name": tree.name, "tree": tree.as_dict()},
        "settings": asdict(settings) | {"target_lufs": TARGET_LUFS, "target_peak_dbfs": TARGET_PEAK_DBFS},
        "sample_rate": settings.sample_rate,
        "channels": settings.channels,
        "samples": song.num_samples,
        "session": session.song,
        "set_aside": list(session.set_aside),
        "silent": sorted(song.silent),
        "left_out": [*song.left_out, *(problem.message for problem in session.problems)],
    }


def describe_song(facts: SongFacts, tracks: tuple[RawTrack, ...], leaks: Mapping[str, Leak]) -> dict[str, Any]:
    """MedleyDB's and MS21's keys about a whole song; ``has_bleed`` is unknown where bleed was not measured."""
    nodes = [set(track.leaf.split("/")) for track in tracks]
    instruments = {own_name(track.leaf) for track in tracks}
    with_vocals = any(_VOCAL & names for names in nodes)
    quality = facts.vocal_quality
    measured = [leaks[track.name] for track in tracks if track.name in leaks]
    bleed = "yes" if with_vocals and quality == 0 else "unknown"
    if measured:
        bleed = "yes" if any(leak.leaks for leak in measured) else "no"
        vocal_tracks = [track.name for track, names in zip(tracks, nodes, strict=True) if _VOCAL & names]
        vocal = [leaks[name] for name in vocal_tracks if name in leaks]
        quality = int(not any(leak.leaks for leak in vocal)) if vocal else quality
    return {
        "album": "",
        "artist": facts.artist,
        "composer": [""],
        "excerpt": "no",
        "genre": facts.genre,
        "sub_genre": facts.sub_genre,
        "has_bleed": bleed,
        "instrumental": "no" if with_vocals else "yes",
        "origin": "",
        "producer": [""],
        "title": facts.title,
        "version": __version__,
        "website": [""],
        "Vocal_Quality": quality,
        "Lead_Back_both": int({"lead_vocal", "backing_vocal"} <= instruments),
        "Guitar_Both": int({"electric_guitar", "acoustic_guitar"} <= instruments),
        "bleed": {track.name: leaks[track.name].as_dict() for track in tracks if track.name in leaks},
    }


def describe_labels(known: Mapping[str, Any], session: Session) -> dict[str, Any]:
    """The keys that a changed annotation may change without changing the audio: labels, tracks set aside."""
    labels = {track.name: track.label for track in session.tracks}
    stems = copy.deepcopy(known["stems"])
    for stem in stems.values():
        for track in stem["raw"].values():
            track["instrument"] = labels.get(track["original"], track["instrument"])
    return {"stems": stems, "set_aside": list(session.set_aside)}


def raw_files(song: Mixdown, name: str) -> dict[str, Path]:
    """The name of every raw track's file in the corpus, and the file that it is a copy of."""
    return {
        raw_file(name, number, position, placed.track.path): placed.track.path
        for number, stem in enumerate(song.stems, start=1)
        for position, placed in enumerate(stem.tracks, start=1)
    }


def write_metadata(file: Path, data: dict[str, Any]) -> None:
    """Write metadata as YAML; raises CorpusError if the file cannot be written."""
    write_text(file, yaml.safe_dump(data, allow_unicode=True))


def _describe_stems(song: Mixdown, name: str, settings: StemSettings) -> dict[str, Any]:
    carried_gains = [
        1.0 if settings.as_thesis else musdb_stem.gain * song.overall_gain
        for musdb_stem in song.musdb_stems
        for _ in musdb_stem.stems
    ]
    described = {}
    for number, (stem, carried_gain) in enumerate(zip(song.stems, carried_gains, strict=True), start=1):
        instrument = own_name(stem.leaf)
        described[f"S{number:02}"] = {
            "component": {"lead_vocal": "melody", "bass": "bass"}.get(instrument, ""),
            "filename": stem_file(name, number),
            "instrument": instrument,
            "node": stem.leaf,
            "gain_db": _gain_db(stem.gain),
            "carried_gain_db": _gain_db(carried_gain),
            **_loudness(stem.meter, stem.gain * carried_gain),
            "raw": _describe_tracks(stem, name, number),
        }
    return described


def _describe_tracks(stem: InstrumentStem, name: str, number: int) -> dict[str, Any]:
    return {
        f"R{position:02}": {
            "filename": raw_file(name, number, position, placed.track.path),
            "instrument": placed.track.label,
            "original": placed.track.name,
            "gain_db": _gain_db(gain),
            "pan": round(placed.placement.pan, 3),
            "channels": placed.channels,
            "sample_rate": placed.sample_rate,
        }
        for position, (placed, gain) in enumerate(zip(stem.tracks, stem.track_gains, strict=True), start=1)
    }


def _describe_musdb_stems(song: Mixdown, name: str, settings: StemSettings) -> dict[str, Any]:
    described, first = {}, 1
    for stem in song.musdb_stems:
        overall_gain = 1.0 if settings.as_thesis else song.overall_gain
        described[own_name(stem.node)] = {
            "filename": musdb_stem_file(name, stem.node),
            "node": stem.node,
            "normalised_to": f"{TARGET_PEAK_DBFS} dBFS" if is_percussive(stem.node) else f"{TARGET_LUFS} LUFS",
            "gain_db": _gain_db(stem.gain),
            **_loudness(stem.meter, stem.gain * overall_gain),
            "stems": [f"S{number:02}" for number in range(first, first + len(stem.stems))],
        }
        first += len(stem.stems)
    return described


def _loudness(meter: LoudnessMeter, gain: float) -> dict[str, float | None]:
    """Loudness and peak after a gain; None for silence."""
    return {"loudness_lufs": _rounded(meter.loudness(gain)), "peak_dbfs": _rounded(to_decibels(meter.peak * gain))}


def _rounded(value: float) -> float | None:
    return round(value, 3) + 0.0 if math.isfinite(value) else None


def _gain_db(gain: float) -> float | None:
    """A gain in dB, fine enough to restore every sample of 24 bits."""
    gain_db = to_decibels(gain)
    return round(gain_db, 8) + 0.0 if math.isfinite(gain_db) else None
