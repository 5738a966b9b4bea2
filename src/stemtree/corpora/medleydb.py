"""MedleyDB (Bittner et al. 2014, 2016), and MS21, which is laid out like it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import find, need, read_metadata
from stemtree.corpora.track import AudioFile, Listing

_METADATA = "_METADATA.yaml"


@dataclass(frozen=True)
class MedleyDb:
    """``<Song>/{<Song>_METADATA.yaml, <Song>_MIX.wav, <Song>_STEMS/}``.

    In MedleyDB's own distribution the metadata lie in a folder ``Metadata`` beside ``Audio``; both places are looked
    in. Its mixtures are mastered, so stems do not add up to them. A song's ``split`` and ``adds_up``, which songs
    made by `stemtree.curation` have, are read where they are given.
    """

    hierarchy: str = "medleydb"
    adds_up: bool = False

    def find(self, root: Path) -> Iterable[Path]:
        """All metadata files, those included that a folder of stems should have."""
        found = {file.name: file for file in root.glob(f"**/*{_METADATA}")}
        for song in (folder.parent for folder in root.glob("**/*STEMS") if found):
            found.setdefault(f"{song.name}{_METADATA}", song / f"{song.name}{_METADATA}")
        return sorted(found.values())

    def read(self, place: Path) -> Listing:
        """See `Layout.read`."""
        song = place.name.removesuffix(_METADATA)
        data = read_metadata(place)
        folder = place.parent if place.parent.name == song else place.parent.parent / "Audio" / song
        stem_folder = folder / need(data, "stem_dir", place)
        stems = [
            (str(name), _labels(stem, place), AudioFile(stem_folder / need(stem, "filename", place)))
            for name, stem in sorted(need(data, "stems", place, dict).items())
        ]
        mixture = AudioFile(folder / need(data, "mix_filename", place))
        return Listing(song, find(data, "split", place), stems, mixture, adds_up=data.get("adds_up") is True or None)


def _labels(stem: dict[str, Any], place: Path) -> tuple[str, ...]:
    """The instrument, first as the melody where it is that: the only trace of who sings lead (thesis, footnote 3)."""
    instrument = need(stem, "instrument", place, str | list)
    names = [str(name) for name in (instrument if isinstance(instrument, list) else [instrument])]
    melody = [f"{name} (melody)" for name in names] if stem.get("component") == "melody" else []
    return (*melody, *names)
