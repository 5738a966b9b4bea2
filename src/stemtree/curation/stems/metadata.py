"""What a song's ``_METADATA.yaml`` says: MedleyDB's keys, and what was done."""

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from stemtree.audio.loudness import LoudnessMeter
from stemtree.curation.bleed.table import Leak
from stemtree.curation.sessions.csv_tables import write_text
from stemtree.curation.sessions.sessions import RawTrack, Session
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.stems.mixdown import LOUDNESS, PEAK, Mixdown, StemSettings, decibels, is_percussive
from stemtree.curation.stems.write import group_file, raw_file, stem_file
from stemtree.hierarchy import Hierarchy
from stemtree.version import __version__

_FORMAT = 1
"""Raised when stems made by an earlier version would come out differently."""

_VOCAL = {"vocal", "vocals"}


def fingerprint(session: Session, tracks: tuple[RawTrack, ...], tree: Hierarchy, settings: StemSettings) -> str:
    """A checksum of everything that decides how a song sounds; raw files by their size and time of change."""
    files = [(track.name, track.leaf, *_identity(track.path)) for track in tracks]
    told = [_FORMAT, asdict(settings), tree.as_dict(), files, [problem.message for problem in session.problems]]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def describe_audio(
    song: Mixdown, mixture: LoudnessMeter, session: Session, name: str, tree: Hierarchy, settings: StemSettings
) -> dict[str, Any]:
    """Everything that follows from the raw tracks, their labels and the settings."""
    return {
        "mix_filename": f"{name}_MIX.wav",
        "raw_dir": f"{name}_RAW",
        "stem_dir": f"{name}_STEMS",
        "stems": _describe_stems(song, name, settings),
        "musdb_stems": _describe_groups(song, name, settings),
        "mixture": {"loudness_lufs": _rounded(mixture.loudness()), "peak_dbfs": _rounded(decibels(mixture.peak))},
        "overall_gain_db": _gain(song.overall),
        "adds_up": not settings.as_thesis,
        "hierarchy": {"name": tree.name, "tree": tree.as_dict()},
        "settings": asdict(settings) | {"target_lufs": LOUDNESS, "target_peak_dbfs": PEAK},
        "sample_rate": settings.sample_rate,
        "channels": settings.channels,
        "samples": song.samples,
        "session": session.song,
        "set_aside": list(session.set_aside),
        "silent": sorted(song.silent),
        "left_out": [*song.left_out, *(problem.message for problem in session.problems)],
    }


def describe_song(facts: SongFacts, tracks: tuple[RawTrack, ...], leaks: Mapping[str, Leak]) -> dict[str, Any]:
    """MedleyDB's and MS21's keys about a whole song; ``has_bleed`` is unknown where nobody has looked."""
    nodes = [set(track.leaf.split("/")) for track in tracks]
    instruments = {track.leaf.rpartition("/")[2] for track in tracks}
    with_vocals = any(_VOCAL & names for names in nodes)
    quality = facts.vocal_quality
    looked = [leaks[track.name] for track in tracks if track.name in leaks]
    bleed = "yes" if with_vocals and quality == 0 else "unknown"
    if looked:
        bleed = "yes" if any(leak.leaks for leak in looked) else "no"
        sung = [track.name for track, names in zip(tracks, nodes, strict=True) if _VOCAL & names]
        vocal = [leaks[name] for name in sung if name in leaks]
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
    """What may change in an annotation without any stem sounding otherwise: labels of one leaf, tracks set aside."""
    labels = {track.name: track.label for track in session.tracks}
    stems = copy.deepcopy(known["stems"])
    for stem in stems.values():
        for track in stem["raw"].values():
            track["instrument"] = labels.get(track["original"], track["instrument"])
    return {"stems": stems, "set_aside": list(session.set_aside)}


def raw_files(song: Mixdown, name: str) -> dict[str, Path]:
    """What every raw track is called in the corpus, and where it comes from."""
    return {
        raw_file(name, number, position, part.track.path): part.track.path
        for number, stem in enumerate(song.stems, start=1)
        for position, part in enumerate(stem.parts, start=1)
    }


def write_metadata(file: Path, data: dict[str, Any]) -> None:
    """Write it as YAML; raises CorpusError if that cannot be done."""
    write_text(file, yaml.safe_dump(data, allow_unicode=True))


def _describe_stems(song: Mixdown, name: str, settings: StemSettings) -> dict[str, Any]:
    described, number = {}, 0
    for group in song.groups:
        for stem in group.stems:
            number += 1
            instrument = stem.leaf.rpartition("/")[2]
            carried = 1.0 if settings.as_thesis else group.gain * song.overall
            raw = {
                f"R{position:02}": {
                    "filename": raw_file(name, number, position, part.track.path),
                    "instrument": part.track.label,
                    "original": part.track.name,
                    "gain_db": _gain(factor),
                    "pan": round(part.placement.pan, 3),
                    "channels": part.channels,
                    "sample_rate": part.sample_rate,
                }
                for position, (part, factor) in enumerate(zip(stem.parts, stem.factors, strict=True), start=1)
            }
            described[f"S{number:02}"] = {
                "component": {"lead_vocal": "melody", "bass": "bass"}.get(instrument, ""),
                "filename": stem_file(name, number),
                "instrument": instrument,
                "node": stem.leaf,
                "gain_db": _gain(stem.gain),
                "carried_gain_db": _gain(carried),
                **_level(stem.meter, stem.gain * carried),
                "raw": raw,
            }
    return described


def _describe_groups(song: Mixdown, name: str, settings: StemSettings) -> dict[str, Any]:
    described, first = {}, 1
    for group in song.groups:
        lowered = 1.0 if settings.as_thesis else song.overall
        described[group.node.rpartition("/")[2]] = {
            "filename": group_file(name, group.node),
            "node": group.node,
            "normalised_to": f"{PEAK} dBFS" if is_percussive(group.node) else f"{LOUDNESS} LUFS",
            "gain_db": _gain(group.gain),
            **_level(group.meter, group.gain * lowered),
            "stems": [f"S{number:02}" for number in range(first, first + len(group.stems))],
        }
        first += len(group.stems)
    return described


def _level(meter: LoudnessMeter, gain: float) -> dict[str, float | None]:
    return {"loudness_lufs": _rounded(meter.loudness(gain)), "peak_dbfs": _rounded(decibels(meter.peak * gain))}


def _rounded(value: float) -> float | None:
    return round(value, 3) + 0.0 if math.isfinite(value) else None


def _gain(factor: float) -> float | None:
    """In dB, fine enough to bring every sample of 24 bits back."""
    gain = decibels(factor)
    return round(gain, 8) + 0.0 if math.isfinite(gain) else None


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
