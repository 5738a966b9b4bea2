"""Any folder of songs, each a folder of stems."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.corpora.layout import split_of
from stemtree.corpora.track import AudioFile, Listing

_MIXTURES = ("mix", "mixture")


@dataclass(frozen=True)
class Folder:
    """``[split/]<song>/<label>.<any audio>``: a file's name is its label, but for digits at either end.

    A file called ``mix`` or ``mixture`` is the mixture. The hierarchy, with its label map, is the user's.
    """

    hierarchy: str = "ms21"
    adds_up: bool = True

    def find(self, root: Path) -> Iterable[Path]:
        """Folders that hold audio."""
        return sorted({file.parent for file in root.glob("**/*") if file.is_file() and is_audio_name(file)})

    def read(self, place: Path) -> Listing:
        """See `Layout.read`."""
        files = sorted(file for file in place.iterdir() if file.is_file() and is_audio_name(file))
        stems = [
            (file.stem, _labels(file.stem), AudioFile(file)) for file in files if file.stem.lower() not in _MIXTURES
        ]
        mixtures = [AudioFile(file) for file in files if file.stem.lower() in _MIXTURES]
        return Listing(place.name, split_of(place), stems, mixtures[0] if mixtures else None)


def _labels(name: str) -> tuple[str, ...]:
    return (name, re.sub(r"^[\d\W_]+|[\d\W_]+$", "", name))
