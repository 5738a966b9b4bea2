"""What is kept of a song's tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_LOUDNESS = ("replaygain", "r128_", "itunnorm")
_OF_THE_FILE = (
    "encoder", "encoded_by", "encodersettings", "itunsmpb", "itunpgap", "tsse", "tenc", "tlen", "length", "duration",
    "major_brand", "minor_version", "compatible_brands", "creation_time", "handler_name", "vendor_id", "language",
    "metadata_block_picture", "coverart", "coverartmime", "id3v2_priv",
    "acoustid_fingerprint", "acoustid fingerprint", "accuraterip",
)  # fmt: skip
"""Beginnings of keys that speak of the song's file, or of how loud it is, which a stem is not."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A cover picture.

    Parameters
    ----------
    data : bytes
        The file.
    mime : str
        ``image/jpeg`` or ``image/png``.
    width, height : int
        In pixels; 0 where unknown.
    """

    data: bytes
    mime: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Tags:
    """Texts by FFmpeg's names for them (``title``, ``artist``, ``album``, ``date``, ``track``, …), and pictures.

    Parameters
    ----------
    texts : mapping of str to str
        Keys in lower case.
    pictures : tuple of Picture
        The front cover first.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.texts or self.pictures)

    def of_stem(self, name: str, song: str) -> "Tags":
        """The tags of a stem: those of the song, the title with the stem's name after it.

        Parameters
        ----------
        name : str
            What the stem is called, such as ``bass``.
        song : str
            What the song is called, if its tags do not tell.
        """
        if not self:
            return self
        return replace(self, texts={**self.texts, "title": f"{self.texts.get('title', song)} ({name})"})


def is_kept(key: str) -> bool:
    """Whether a tag of this name also holds for a stem."""
    return bool(key) and not key.lower().startswith((*_LOUDNESS, *_OF_THE_FILE))
