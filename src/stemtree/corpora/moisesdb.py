"""MoisesDB (Pereira et al. 2023)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path as FilePath

from stemtree.corpora.layout import need, read_metadata
from stemtree.corpora.track import AudioFile, Listing


@dataclass(frozen=True)
class MoisesDb:
    """``<song id>/{data.json, <stem name>/<track id>.wav}``; there are no mixtures."""

    hierarchy: str = "moisesdb"
    adds_up: bool = False

    def find(self, root: FilePath) -> Iterable[FilePath]:
        """All metadata files."""
        return sorted(root.glob("**/data.json"))

    def read(self, place: FilePath) -> Listing:
        """See `Layout.read`; a track's type is looked up first, then the stem that it belongs to."""
        stems = []
        for stem in need(read_metadata(place), "stems", place):
            group = need(stem, "stemName", place)
            for track in need(stem, "tracks", place):
                name = need(track, "id", place)
                file = place.parent / group / f"{name}.{track.get('extension', 'wav')}"
                stems.append((str(name), (str(need(track, "trackType", place)), str(group)), AudioFile(file)))
        return Listing(place.parent.name, None, stems)
