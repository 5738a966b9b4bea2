"""Slakh2100 (Manilow et al. 2019), its two later splits, and whatever is laid out like it."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import find, need, read_metadata, split_of
from stemtree.corpora.track import AudioFile, Listing
from stemtree.errors import CorpusError, HierarchyError
from stemtree.hierarchy import Hierarchy, load

METADATA = "metadata.yaml"


@dataclass(frozen=True)
class Slakh:
    """``[split/]TrackNNNNN/{metadata.yaml, mix.flac, stems/S00.flac}``, WAV or FLAC.

    Parameters
    ----------
    version : {"orig", "split2", "redux"}
        ``orig`` takes the split from the folders. ``split2`` (the ISMIR 2020 paper's) moves songs so that no MIDI file
        is in two splits; ``redux`` leaves repeated ones out instead. Both go by the song's number and its original
        split, whichever folder it lies in.
    """

    version: str = "orig"
    hierarchy: str = "slakh"
    adds_up: bool = True

    def find(self, root: Path) -> Iterable[Path]:
        """Folders with metadata or with stems, which should have both, in the root or in folders of splits."""
        parts = (f"{folder}/{part}" for folder in ("*", "*/*") for part in (METADATA, "stems"))
        found = sorted({file.parent for part in parts for file in root.glob(part)})
        omitted = set(_changes()["redux"]) if self.version == "redux" else set()
        # Hidden folders are songs still being rendered.
        return [place for place in found if place.name not in omitted and not place.name.startswith(".")]

    def read(self, place: Path) -> Listing:
        """See `Layout.read`; stems that Slakh itself did not render (no patch) are left out."""
        file = place / METADATA
        data, stems = read_metadata(file), []
        for name, stem in need(data, "stems", file, dict).items():
            patch = need(stem, "plugin_name", file, str | None)
            if patch in (None, "None"):
                continue
            labels = (patch, *_instrument(patch), *_program(stem, file))
            stems.append((str(name), labels, AudioFile(_either(place / "stems" / str(name)))))
        split = split_of(place)
        if self.version != "orig":
            split = _changes()["split2"].get(place.name, split) if self.version == "split2" else split
        return Listing(place.name, split, stems, AudioFile(_either(place / "mix")), find(data, "UUID", file))

    def recorded_hierarchy(self, root: Path) -> str | None:
        """The hierarchy that a rendered corpus was made for; Slakh itself does not tell any."""
        for place in self.find(root):
            with suppress(CorpusError):  # told where the song is read
                return find(read_metadata(place / METADATA), "hierarchy", place / METADATA)
        return None


def _instrument(patch: str) -> tuple[str, ...]:
    """What a patch sounds like, for hierarchies that do not know Slakh's patches: many play another's program."""
    try:
        return (_hierarchy().leaf(patch).rpartition("/")[2],)
    except HierarchyError:
        return ()


def _program(stem: dict[str, Any], file: Path) -> tuple[str, ...]:
    """The General MIDI name, for corpora that are only laid out like Slakh."""
    return ("Drums",) if stem.get("is_drum") else tuple(filter(None, [find(stem, "midi_program_name", file)]))


def _either(stem: Path) -> Path:
    flac = stem.with_name(f"{stem.name}.flac")
    return flac if flac.exists() else stem.with_name(f"{stem.name}.wav")


@cache
def _hierarchy() -> Hierarchy:
    return load("slakh")


@cache
def _changes() -> dict[str, Any]:
    """Slakh's published lists: where split2 puts the songs that it moves, and what redux leaves out."""
    file = resources.files("stemtree.corpora") / "slakh_splits.json"
    changes: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return changes
