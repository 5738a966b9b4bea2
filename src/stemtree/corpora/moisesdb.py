"""MoisesDB (Pereira et al. 2023)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stemtree.corpora.layout import Layout, check_file_name, optional_text, read_metadata, required
from stemtree.corpora.track import AudioFile, ListedStem, Listing
from stemtree.folders import files_below

_METADATA = "data.json"


@dataclass(frozen=True)
class MoisesDb(Layout):
    """``<song id>/{data.json, <stem name>/<track id>.wav}``; there are no mixtures.

    The tracks of some songs differ in length. As in the publisher's own loader, those of one stem end with the shortest
    of them, and stems that end before the song are silent from there on.
    """

    hierarchy: str = "moisesdb"
    adds_up: bool = False
    pads_stems: bool = True

    def song_paths(self, root: Path) -> Iterable[Path]:
        """All metadata files, and the missing ones of song folders that hold audio two folders deep."""
        files = list(files_below(root))
        found = {file for file in files if file.name == _METADATA}
        deep = len(root.parts) + 3  # a song's folder, a stem's, and a track's file
        audio = {file for file in files if found and file.suffix in (".wav", ".flac") and len(file.parts) >= deep}
        return sorted(found | {file.parents[1] / _METADATA for file in audio})

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`; a track's type is looked up first, then the stem that it belongs to."""
        stems = []
        for stem in required(read_metadata(path), "stems", path, list):
            group = required(stem, "stemName", path)
            for track in required(stem, "tracks", path, list):
                name = required(track, "id", path)
                file = f"{name}.{optional_text(track, 'extension', path) or 'wav'}"
                labels = (required(track, "trackType", path), group)
                audio = path.parent / check_file_name(group, path) / check_file_name(file, path)
                stems.append(ListedStem(name, labels, AudioFile(audio), group))
        return Listing(path.parent.name, None, stems)


LAYOUTS: dict[str, Layout] = {"moisesdb": MoisesDb()}
