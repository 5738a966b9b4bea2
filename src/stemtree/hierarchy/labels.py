"""Labels: the names that corpora use for what a stem holds."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from stemtree.errors import HierarchyError
from stemtree.hierarchy.paths import NodePath


@lru_cache(maxsize=8192)
def singular(name: str) -> str:
    """A name in its normal form without the plural's s at the ends of its words."""
    return re.sub(r"(?<=\w\w\w)s\b", "", name)


@lru_cache(maxsize=8192)
def normal_form(label: str) -> str:
    """Ignore case and punctuation, in which corpora are inconsistent: ``Electric_Bass`` becomes ``electric bass``."""
    composed = unicodedata.normalize("NFC", label)  # names of files made on a Mac are decomposed
    return re.sub(r"[\W_]+", " ", composed).strip().casefold()


def index_labels(
    claims: Iterable[tuple[NodePath, str]], names: Iterable[tuple[NodePath, str]]
) -> Mapping[str, NodePath]:
    """Build the map from a label's normal form to the leaf that it means.

    Parameters
    ----------
    claims : iterable of (path, label)
        The labels that each leaf claims.
    names : iterable of (path, name)
        The leaves' own names, which serve as labels where they are unambiguous and no leaf claims them.

    Raises
    ------
    HierarchyError
        If two leaves claim one label, or a label has no letter or digit.
    """
    index: dict[str, NodePath] = {}
    for path, label in claims:
        if not normal_form(label):
            raise HierarchyError(f"the label '{label}' of '{path}' has no letter or digit: give one that has")
        owner = index.setdefault(normal_form(label), path)
        if owner != path:
            raise HierarchyError(f"label '{label}' stands under both '{owner}' and '{path}': keep it under one of them")
    own: dict[str, NodePath | None] = {}
    for path, name in names:
        key = normal_form(name)
        own[key] = None if key in own else path
    return index | {key: path for key, path in own.items() if path is not None and key not in index}
