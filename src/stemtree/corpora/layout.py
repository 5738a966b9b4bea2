"""What a corpus's module provides, and what all of them need to read metadata."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Protocol

import yaml

from stemtree.corpora.track import Listing
from stemtree.errors import CorpusError

SPLITS = ("train", "validation", "test")


class Layout(Protocol):
    """How one corpus lies on disk."""

    @property
    def hierarchy(self) -> str:
        """The definition that its labels belong to."""
        ...

    @property
    def adds_up(self) -> bool:
        """Whether its mixtures are meant to be the sums of their stems; a mastered mixture is not."""
        ...

    def find(self, root: Path) -> Iterable[Path]:
        """The place of every song: its folder, or its file."""
        ...

    def read(self, place: Path) -> Listing:
        """Read a song's metadata; raises CorpusError where it is missing or lacks something."""
        ...


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
    except Exception:  # PyYAML's own constructors fail in many ways, as for the date 2001-13-45
        raise CorpusError(f"the metadata '{file}' is not valid {file.suffix[1:].upper()}: copy it again") from None
    if not isinstance(data, dict):
        raise CorpusError(f"the metadata '{file}' holds no mapping: copy it again")
    return data


def need(data: object, key: str, file: Path, kind: type | UnionType = str) -> Any:
    """Look up what must be there, and of that kind; raises CorpusError that names the key."""
    if not isinstance(data, dict) or key not in data:
        raise CorpusError(f"the metadata '{file}' lacks the key '{key}': copy it again")
    if not isinstance(data[key], kind):
        raise CorpusError(f"the metadata '{file}' has {str(data[key])[:50]!r} under '{key}': copy it again")
    return data[key]


def find(data: dict[str, Any], key: str, file: Path) -> str | None:
    """Look up a text that may be there; raises CorpusError where it is none."""
    return None if data.get(key) is None else str(need(data, key, file))


def split_of(place: Path) -> str | None:
    """The split that the folder above a song is named after."""
    name = place.parent.name.lower()
    return {"valid": "validation", "val": "validation"}.get(name, name) if name in (*SPLITS, "valid", "val") else None


_FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
