"""The interface of a corpus's module, and what several of these modules need to read metadata."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Protocol

import yaml

from stemtree.corpora.track import Listing
from stemtree.errors import CorpusError

SPLITS = ("train", "validation", "test")
_SPLIT_SYNONYMS = {"valid": "validation", "val": "validation"}

_FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Layout(Protocol):
    """Where one kind of corpus keeps its songs, and how it describes them.

    A corpus's module subclasses this and lists its layouts by name in ``LAYOUTS``; `stemtree.corpora.registry` collects
    them.
    """

    @property
    def hierarchy(self) -> str:
        """Name of the hierarchy whose leaves the corpus's labels belong to."""
        ...

    @property
    def adds_up(self) -> bool:
        """Whether mixtures are the sums of their stems; False where they are mastered or coded separately."""
        ...

    @property
    def pads_stems(self) -> bool:
        """Whether the stems of a song may differ in length, as those of MoisesDB do; elsewhere that is a problem."""
        return False

    def song_paths(self, root: Path) -> Iterable[Path]:
        """Find every song under `root`: the path of its folder, of its only file, or of its metadata.

        `songs_in` leaves out those that are hidden.
        """
        ...

    def read_song(self, path: Path) -> Listing:
        """Read the metadata of the song at one of `song_paths`, without opening audio.

        Raises
        ------
        CorpusError
            If they are missing or incomplete.
        """
        ...

    def recorded_hierarchy(self, root: Path) -> str | None:
        """Name or file of the hierarchy that the corpus at `root` says it was made for; None where it says nothing."""
        return None


def songs_in(root: Path, layout: Layout) -> Iterator[Path]:
    """Find every song under `root`, see `Layout.song_paths`; hidden ones are not whole yet, or another program's."""
    for path in layout.song_paths(root):
        if not any(name.startswith(".") for name in path.relative_to(root).parts):
            yield path


def check_file_name(name: str, metadata: Path) -> str:
    """The name of a file or folder that metadata give; raises CorpusError for one that may lead out of the song."""
    if Path(name).name != name or name == "..":
        raise CorpusError(f"the metadata '{metadata}' have '{name}' for the name of a file: copy them again")
    return name


def read_metadata(file: Path) -> dict[str, Any]:
    """Read a YAML or JSON file that holds a mapping.

    Raises
    ------
    CorpusError
        If it is missing, unreadable or holds something else.
    """
    try:
        text = file.read_text("utf-8")
        data = json.loads(text) if file.suffix == ".json" else yaml.load(text, Loader=_FAST_LOADER)
    except OSError as error:
        raise CorpusError(f"cannot read the metadata '{file}': {error.strerror}; complete the copy") from None
    except Exception:  # PyYAML's constructors raise many types, for example for the date 2001-13-45
        raise CorpusError(f"the metadata '{file}' is not valid {file.suffix[1:].upper()}: copy it again") from None
    if not isinstance(data, dict):
        raise CorpusError(f"the metadata '{file}' holds no mapping: copy it again")
    return data


def required(data: object, key: str, file: Path, kind: type | UnionType = str) -> Any:
    """Return ``data[key]``, which must exist and be of type `kind`; raises CorpusError that names the key."""
    if not isinstance(data, dict) or key not in data:
        raise CorpusError(f"the metadata '{file}' lacks the key '{key}': copy it again")
    if not isinstance(data[key], kind):
        raise CorpusError(f"the metadata '{file}' has {str(data[key])[:50]!r} under '{key}': copy it again")
    return data[key]


def optional_text(data: dict[str, Any], key: str, file: Path) -> str | None:
    """Return the text under `key`, or None if there is none; raises CorpusError if it is not text."""
    return None if data.get(key) is None else str(required(data, key, file))


def split_of(path: Path) -> str | None:
    """The split that the folder around a song is named after, if it is named after one."""
    name = path.parent.name.lower()
    name = _SPLIT_SYNONYMS.get(name, name)
    return name if name in SPLITS else None
