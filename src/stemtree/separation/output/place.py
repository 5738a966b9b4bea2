"""Where a song's stems and their manifest lie."""

import os
from dataclasses import dataclass
from pathlib import Path

from stemtree.errors import OptionError
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a song's stems.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own, unless a template for file names puts several songs into it.
    track : str
        The song's name.
    manifest : str
        Name of its manifest in the folder.
    """

    folder: Path
    track: str
    manifest: str = MANIFEST

    @property
    def is_shared(self) -> bool:
        """Whether other songs may lie in the folder."""
        return self.manifest != MANIFEST

    @property
    def staged_for(self) -> Path:
        """The path beside which unfinished stems lie, on the same file system as the folder.

        That is within the folder where others share it, and where it may lie on another disk than what is beside it.
        """
        is_elsewhere = os.path.islink(self.folder) or os.path.ismount(self.folder)
        return self.folder / self.track if self.is_shared or is_elsewhere else self.folder


def track_of(song: str) -> str:
    """A song's name: that of its file, without the dot that hides a file.

    Raises
    ------
    OptionError
        If nothing is left of the file's name.
    """
    name = Path(song).stem.lstrip(".")
    if not name:
        raise OptionError(f"no folder can be named after '{song}': rename the file")
    return name


def place_of(song: str, folder: Path, layout: StemLayout, track: str | None = None) -> Place:
    """Where the stems of a song go.

    Parameters
    ----------
    song : str
        The song's file.
    folder : pathlib.Path
        Where songs' folders go.
    layout : StemLayout
        How files are named.
    track : str, optional
        What the song is called there, by default as its file.
    """
    track = track or track_of(song)
    if layout.filename is None:
        return Place(folder / track, track)
    manifest = MANIFEST if layout.filename.has_song_folder else f"{track}.{MANIFEST}"
    return Place(folder / layout.filename.song_folder(track, song), track, manifest)
