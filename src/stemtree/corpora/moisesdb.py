"""MoisesDB (Pereira et al. 2023)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stemtree.corpora.layout import find, need, read_metadata
from stemtree.corpora.track import AudioFile, Listing


@dataclass(frozen=True)
class MoisesDb:
    """``<song id>/{data.json, <stem name>/<track id>.wav}``; there are no mixtures."""

    hierarchy: str = "moisesdb"
    adds_up: bool = False

    def find(self, root: Path) -> Iterable[Path]:
        """All metadata files, those included that folders of folders of audio should have."""
        found = set(root.glob("**/data.json"))
        stems = (file for ending in ("wav", "flac") for file in root.glob(f"**/*/*/*.{ending}") if found)
        return sorted(found | {file.parents[1] / "data.json" for file in stems})

    def read(self, place: Path) -> Listing:
        """See `Layout.read`; a track's type is looked up first, then the stem that it belongs to."""
        stems = []
        for stem in need(read_metadata(place), "stems", place, list):
            group = need(stem, "stemName", place)
            for track in need(stem, "tracks", place, list):
                name = need(track, "id", place)
                file = place.parent / group / f"{name}.{find(track, 'extension', place) or 'wav'}"
                stems.append((name, (need(track, "trackType", place), group), AudioFile(file)))
        return Listing(place.parent.name, None, stems)
