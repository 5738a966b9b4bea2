"""Any folder of songs, each a folder of stems."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.corpora.layout import Layout, split_of
from stemtree.corpora.track import AudioFile, ListedStem, Listing
from stemtree.folders import files_below

_MIXTURES = ("mix", "mixture")


@dataclass(frozen=True)
class Folder(Layout):
    """``[split/]<song>/<label>.<any audio>``: a file's name without digits at either end is its label.

    A file called ``mix`` or ``mixture`` is the mixture. The user chooses the hierarchy, and a label map.
    """

    hierarchy: str = "ms21"
    adds_up: bool = True

    def song_paths(self, root: Path) -> Iterable[Path]:
        """Folders that hold audio."""
        return sorted({file.parent for file in files_below(root) if file.is_file() and is_audio_name(file)})

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`."""
        files = sorted(file for file in path.iterdir() if file.is_file() and is_audio_name(file))
        mixtures = [AudioFile(file) for file in files if file.stem.lower() in _MIXTURES]
        stems = [
            ListedStem(file.stem, _labels(file.stem), AudioFile(file))
            for file in files
            if file.stem.lower() not in _MIXTURES
        ]
        return Listing(path.name, split_of(path), stems, mixtures[0] if mixtures else None)


def _labels(name: str) -> tuple[str, ...]:
    return (name, re.sub(r"^[\d\W_]+|[\d\W_]+$", "", name))


LAYOUTS: dict[str, Layout] = {"folder": Folder()}
