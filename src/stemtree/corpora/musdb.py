"""MUSDB18 (Rafii et al. 2017): stem files of five streams, or WAV folders (HQ)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stemtree.corpora.layout import split_of
from stemtree.corpora.track import AudioFile, Listing

_STREAMS = ("mixture", "drums", "bass", "other", "vocals")


@dataclass(frozen=True)
class Musdb18:
    """``{train,test}/Artist - Title.stem.mp4``; the mixture is encoded by itself, so stems add up only roughly."""

    hierarchy: str = "musdb18"
    adds_up: bool = False

    def find(self, root: Path) -> Iterable[Path]:
        """All stem files."""
        return sorted(root.glob("**/*.stem.mp4"))

    def read(self, place: Path) -> Listing:
        """See `Layout.read`."""
        stems = [(name, (name,), AudioFile(place, stream)) for stream, name in enumerate(_STREAMS) if stream]
        return Listing(place.name.removesuffix(".stem.mp4"), split_of(place), stems, AudioFile(place))


@dataclass(frozen=True)
class Musdb18HQ:
    """``{train,test}/Artist - Title/{mixture,drums,bass,other,vocals}.wav``."""

    hierarchy: str = "musdb18"
    adds_up: bool = True

    def find(self, root: Path) -> Iterable[Path]:
        """Folders that hold any of the five files."""
        return sorted({file.parent for name in _STREAMS for file in root.glob(f"**/{name}.wav")})

    def read(self, place: Path) -> Listing:
        """See `Layout.read`."""
        stems = [(name, (name,), AudioFile(place / f"{name}.wav")) for name in _STREAMS[1:]]
        return Listing(place.name, split_of(place), stems, AudioFile(place / "mixture.wav"))
