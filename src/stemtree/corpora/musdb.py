"""MUSDB18 (Rafii et al. 2017): stem files of five streams, or WAV folders (HQ); and DSD100 (Liutkus et al. 2017)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from stemtree.corpora.layout import Layout, split_of
from stemtree.corpora.track import AudioFile, ListedStem, Listing
from stemtree.folders import files_below

_STREAMS = ("mixture", "drums", "bass", "other", "vocals")
_FILES = tuple(f"{name}.wav" for name in _STREAMS)


@dataclass(frozen=True)
class Musdb18(Layout):
    """``{train,test}/Artist - Title.stem.mp4``; the mixture is encoded by itself, so stems add up only roughly."""

    hierarchy: str = "musdb18"
    adds_up: bool = False

    def song_paths(self, root: Path) -> Iterable[Path]:
        """All stem files."""
        return sorted(file for file in files_below(root) if file.match("*.stem.mp4"))

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`; stream 0 is the mixture."""
        stems = [
            ListedStem(name, (name,), AudioFile(path, stream)) for stream, name in enumerate(_STREAMS) if stream > 0
        ]
        song = path.name.removesuffix(".stem.mp4")
        return Listing(song, _split(path, song), stems, AudioFile(path))


@dataclass(frozen=True)
class Musdb18HQ(Layout):
    """``{train,test}/Artist - Title/{mixture,drums,bass,other,vocals}.wav``."""

    hierarchy: str = "musdb18"
    adds_up: bool = True

    def song_paths(self, root: Path) -> Iterable[Path]:
        """Folders that hold any of the five files."""
        return sorted({file.parent for file in files_below(root) if file.name in _FILES})

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`."""
        stems = [ListedStem(name, (name,), AudioFile(path / f"{name}.wav")) for name in _STREAMS[1:]]
        return Listing(path.name, _split(path, path.name), stems, AudioFile(path / "mixture.wav"))


@dataclass(frozen=True)
class Dsd100(Layout):
    """``Mixtures/{Dev,Test}/NNN - Artist - Title/mixture.wav`` and ``Sources/``, the same with the four stems' files.

    ``Dev`` is the split ``train``.
    """

    hierarchy: str = "musdb18"
    adds_up: bool = True

    def song_paths(self, root: Path) -> Iterable[Path]:
        """The songs' folders of sources, those included of which only the mixture is there."""
        files = [file for file in files_below(root) if file.name in _FILES]
        songs = {file.parent for file in files if file.match("Sources/*/*/*") and file.stem != "mixture"}
        mixtures = {file.parent for file in files if file.match("Mixtures/*/*/mixture.wav")}
        return sorted(songs | {_beside(mixture, "Sources") for mixture in mixtures})

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`."""
        stems = [ListedStem(name, (name,), AudioFile(path / f"{name}.wav")) for name in _STREAMS[1:]]
        split = "train" if path.parent.name == "Dev" else split_of(path)
        return Listing(path.name, split, stems, AudioFile(_beside(path, "Mixtures") / "mixture.wav"))


def _split(path: Path, song: str) -> str | None:
    """The folder's split; 14 songs of the training folder are the usual validation set."""
    split = split_of(path)
    return "validation" if split == "train" and song in _validation_songs() else split


@cache
def _validation_songs() -> frozenset[str]:
    lines = (resources.files("stemtree.corpora") / "musdb_validation.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _beside(song: Path, name: str) -> Path:
    """The song's folder in the tree beside its own that is called `name`."""
    return song.parents[2] / name / song.parent.name / song.name


LAYOUTS: dict[str, Layout] = {"musdb18": Musdb18(), "musdb18-hq": Musdb18HQ(), "dsd100": Dsd100()}
