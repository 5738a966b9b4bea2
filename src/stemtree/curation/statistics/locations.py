"""Where a corpus is, and of which kind it is."""

import os
from dataclasses import dataclass
from pathlib import Path

from stemtree.corpora.layout import read_metadata
from stemtree.corpora.registry import KINDS
from stemtree.errors import OptionError
from stemtree.folders import files_below

ANNOTATION = "annotation"
"""The kind of a corpus that is an annotation alone, without audio."""

_METADATA = "_METADATA.yaml"


@dataclass(frozen=True, slots=True)
class CorpusLocation:
    """Where a corpus is: its name in tables, its kind (a key of `KINDS`, or `ANNOTATION`) and its folder or file."""

    name: str
    kind: str
    root: Path

    @classmethod
    def parse(cls, text: str) -> "CorpusLocation":
        """Read ``[NAME=][KIND:]ROOT``; the kind may be left out where the files there show it.

        Raises
        ------
        OptionError
            If nothing is there, or its kind is unknown.
        """
        name, equals, rest = text.partition("=")
        if not equals or os.sep in name:
            name, rest = "", text
        kind, colon, root = rest.partition(":")
        if not colon or (kind not in KINDS and kind != ANNOTATION):
            kind, root = "", rest
        place = Path(root)
        if not place.exists():
            raise OptionError(f"there is no corpus '{root}': give [NAME=][KIND:]ROOT, the kind being one of {_kinds()}")
        return cls(name or place.stem or str(place), kind or _kind_of(place), place)


def _kind_of(place: Path) -> str:
    """The kind of a corpus by a file that only one layout has."""
    if place.suffix.lower() == ".csv":
        return ANNOTATION
    files = list(files_below(place))
    if metadata := next((file for file in files if file.name.endswith(_METADATA)), None):
        return "ms21" if "musdb_stems" in read_metadata(metadata) else "medleydb"
    for pattern, kind in (
        ("metadata.yaml", "slakh"),
        ("*.stem.mp4", "musdb18"),
        ("Mixtures/*/*/mixture.wav", "dsd100"),
        ("mixture.wav", "musdb18-hq"),
        ("data.json", "moisesdb"),
    ):
        if any(file.match(pattern) for file in files):
            return kind
    raise OptionError(
        f"no file shows which kind of corpus '{place}' is: write KIND:{place}, the kind being one of {_kinds()}"
    )


def _kinds() -> str:
    return ", ".join((*KINDS, ANNOTATION))
