"""Slakh2100 (Manilow et al. 2019), its two later splits, and corpora rendered in its layout."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import Layout, check_file_name, optional_text, read_metadata, required, split_of
from stemtree.corpora.track import AudioFile, ListedStem, Listing
from stemtree.errors import CorpusError
from stemtree.hierarchy import Hierarchy, load, own_name

METADATA = "metadata.yaml"


@dataclass(frozen=True)
class Slakh(Layout):
    """``[split/]TrackNNNNN/{metadata.yaml, mix.flac, stems/S00.flac}``, WAV or FLAC.

    Parameters
    ----------
    version : {"orig", "split2", "redux"}
        ``orig``: the split is the folder's. ``split2`` (used in the ISMIR 2020 paper) moves songs so that no MIDI file
        is in two splits; ``redux`` leaves out repeated ones instead. Both go by the song's number.
    """

    version: str = "orig"
    hierarchy: str = "slakh"
    adds_up: bool = True

    def song_paths(self, root: Path) -> Iterable[Path]:
        """Folders that hold metadata or stems, in the root or in folders of splits."""
        contents = (f"{folder}/{name}" for folder in ("*", "*/*") for name in (METADATA, "stems"))
        found = sorted({file.parent for pattern in contents for file in root.glob(pattern)})
        omitted = set(_published_changes()["redux"]) if self.version == "redux" else set()
        # Hidden folders are songs still being rendered.
        return [path for path in found if path.name not in omitted and not path.name.startswith(".")]

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`; stems that Slakh did not render, most of them without a patch, are left out."""
        file = path / METADATA
        data, stems, notes = read_metadata(file), [], []
        mixture = _wav_or_flac(path / "mix")
        for name, stem in required(data, "stems", file, dict).items():
            patch = required(stem, "plugin_name", file, str | None)
            if patch in (None, "None"):
                continue
            audio = _wav_or_flac(path / "stems" / check_file_name(str(name), file))
            # BabySlakh says so of every stem, although all are there.
            if stem.get("audio_rendered") is False and not audio.exists():
                notes.append(f"stem '{name}' of '{path.name}' was not rendered ({file.name} says so) and is left out")
                continue
            labels = (patch, *_instrument(patch), *_program(stem, file))
            stems.append(ListedStem(str(name), labels, AudioFile(audio)))
        origin = optional_text(data, "UUID", file)
        return Listing(path.name, self._split(path), stems, AudioFile(mixture), origin, notes=notes)

    def recorded_hierarchy(self, root: Path) -> str | None:
        """See `Layout.recorded_hierarchy`; rendered corpora record it, Slakh itself does not."""
        for path in self.song_paths(root):
            with suppress(CorpusError):  # `read_song` raises it
                name = optional_text(read_metadata(path / METADATA), "hierarchy", path / METADATA)
                kept = root / Path(name or "").name
                return str(kept) if name and kept.is_file() else name
        return None

    def _split(self, path: Path) -> str | None:
        if self.version == "orig":
            return split_of(path)
        moved = _published_changes()["split2"] if self.version == "split2" else {}
        return moved.get(path.name, split_of(path))


def _instrument(patch: str) -> tuple[str, ...]:
    """The instrument of one of Slakh's patches, for other hierarchies; the General MIDI program may be another's."""
    slakh = _slakh_hierarchy()
    return (own_name(slakh.leaf(patch)),) if slakh.knows(patch) else ()


def _program(stem: dict[str, Any], file: Path) -> tuple[str, ...]:
    """The General MIDI name, for corpora that were rendered with other patches."""
    return ("Drums",) if stem.get("is_drum") else tuple(filter(None, [optional_text(stem, "midi_program_name", file)]))


def _wav_or_flac(file: Path) -> Path:
    """The file of this name that exists; where none does, it has the ending of the song's other files."""
    endings = (".flac", ".wav")
    found = (file.with_name(f"{file.name}{ending}") for ending in endings)
    others = (other for place in (file.parent, file.parent / "stems") for other in place.glob("*"))
    ending = next((other.suffix for other in others if other.suffix in endings), ".wav")
    return next((path for path in found if path.exists()), file.with_name(f"{file.name}{ending}"))


@cache
def _slakh_hierarchy() -> Hierarchy:
    return load("slakh")


@cache
def _published_changes() -> dict[str, Any]:
    """Slakh's published lists: the splits of songs that split2 moves, and the songs that redux leaves out."""
    file = resources.files("stemtree.corpora") / "slakh_splits.json"
    changes: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return changes


LAYOUTS: dict[str, Layout] = {
    "slakh": Slakh(),
    "slakh-split2": Slakh("split2"),
    "slakh-redux": Slakh("redux"),
}
