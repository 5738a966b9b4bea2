"""Names of genres, folded to 16 families by a data file."""

import re
from functools import cache
from importlib import resources
from typing import Any

import yaml

OTHER, UNKNOWN = "Other", "Unknown"


def families() -> tuple[str, ...]:
    """All families in alphabetical order, then `OTHER`."""
    return (*sorted(_rules()["families"]), OTHER)


@cache
def fold(genre: str) -> str:
    """The family of a genre; `UNKNOWN` for an empty name, `OTHER` for one that fits nowhere.

    Examples
    --------
    >>> fold("Progressive Death Metal"), fold("Singer/Songwriter"), fold("Cumbia")
    ('Metal', 'Singer/Songwriter', 'Other')
    """
    name = " ".join(genre.casefold().split())
    if not name:
        return UNKNOWN
    if name in _rules()["other"]:
        return OTHER
    if name in _rules()["whole"]:
        return str(_rules()["whole"][name])
    return next((family for family, words in _rules()["families"].items() if words.search(name)), OTHER)


@cache
def _rules() -> dict[str, Any]:
    data = yaml.safe_load((resources.files("stemtree.curation.sessions") / "genres.yaml").read_text("utf-8"))
    return {
        "families": {family: re.compile("|".join(map(_pattern, words))) for family, words in data["families"].items()},
        "whole": {name.casefold(): family for name, family in data["whole"].items()},
        "other": {name.casefold() for name in data["other"]},
    }


def _pattern(words: str) -> str:
    """``=word`` stands for a whole word, anything else for the beginning of one."""
    return r"\b" + re.escape(words.removeprefix("=")) + (r"\b" if words.startswith("=") else "")
