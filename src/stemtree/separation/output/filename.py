"""A template for the names of stems, such as ``{track}/{path}.{ext}``."""

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from string import Formatter

from stemtree.errors import OptionError

FIELDS = ("track", "trackext", "path", "stem", "ext")
"""What may stand in braces: the song's name, its file's ending, the node's path and own name, the format's ending."""

_OF_SONG = {"track", "trackext"}


@dataclass(frozen=True, slots=True)
class Filename:
    """Where stems lie beneath the output folder.

    The folders in front whose names hold no field but the song's are the song's folder.

    Parameters
    ----------
    template : str
        Names of folders and of the file, with `FIELDS` in braces, divided by slashes on every system.

    Raises
    ------
    OptionError
        If it names an unknown field, or if files would lie outside the output folder or have no name.
    """

    template: str

    def __post_init__(self) -> None:
        for field in self._fields(self.template):
            if field not in FIELDS:
                *known, last = (f"{{{name}}}" for name in FIELDS)
                raise OptionError(f"file names have no field '{{{field}}}': give {', '.join(known)} or {last}")
        parts = self.template.split("/")
        outside = PureWindowsPath(self.template)
        if ".." in parts or "\\" in self.template or outside.drive or outside.root:
            raise OptionError(
                f"the file name '{self.template}' leads out of the output folder: begin with a field, such as "
                "{track}, and divide folders by /"
            )
        if {"", "."} & set(parts) or "\0" in self.template:
            raise OptionError(f"'{self.template}' is no name of a file: write for example {{track}}/{{path}}.{{ext}}")

    def check(self, container: str) -> None:
        """Raise OptionError unless files end as the format is called."""
        if not self.template.endswith((".{ext}", f".{container}")):
            raise OptionError(
                f"the file name '{self.template}' does not end as {container} files do: let it end with .{{ext}}"
            )

    @property
    def names_track(self) -> bool:
        """Whether songs of different names have different files."""
        return "track" in self._fields(self.template)

    @property
    def has_song_folder(self) -> bool:
        """Whether each song has a folder of its own."""
        return "track" in self._fields("/".join(self._song_parts))

    def song_folder(self, track: str, song: str) -> PurePosixPath:
        """The song's folder beneath the output folder, which other songs may share: see `has_song_folder`."""
        return PurePosixPath(*(self._filled(part, track, song) for part in self._song_parts))

    def file(self, path: str, track: str, song: str, container: str) -> str:
        """The file of a stem, relative to the song's folder.

        Parameters
        ----------
        path : str
            The node's path, or the name of a stem that is no node.
        track, song : str
            The song's name, and its file's.
        container : str
            The ending of the format.
        """
        parts = self.template.split("/")[len(self._song_parts) :]
        stem = path.rpartition("/")[2]
        return "/".join(self._filled(part, track, song, path=path, stem=stem, ext=container) for part in parts)

    @property
    def _song_parts(self) -> list[str]:
        folders = self.template.split("/")[:-1]
        others = (number for number, part in enumerate(folders) if self._fields(part) - _OF_SONG)
        return folders[: next(others, len(folders))]

    def _filled(self, part: str, track: str, song: str, **fields: str) -> str:
        filled = part.format(track=track, trackext=PurePosixPath(song).suffix[1:], **fields)
        if filled in ("", ".", ".."):
            raise OptionError(f"no folder can be named '{filled}', as '{self.template}' has it for '{song}': change it")
        return filled

    def _fields(self, text: str) -> set[str]:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError as error:
            raise OptionError(f"'{self.template}' is no template ({error}): write fields as {{track}}") from None
        return {
            field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            for _, field, form, conversion in parsed
            if field is not None
        }
