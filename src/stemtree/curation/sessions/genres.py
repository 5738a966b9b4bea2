"""Names of genres, mapped to 16 families by a data file."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

OTHER, UNKNOWN = "Other", "Unknown"


def genre_families() -> tuple[str, ...]:
    """All families in alphabetical order, then `OTHER`."""
    return (*sorted(_rules().families), OTHER)


@cache
def genre_family(genre: str) -> str:
    """The family of a genre; `UNKNOWN` for an empty name, `OTHER` for one without a family.

    Examples
    --------
    >>> genre_family("Progressive Death Metal"), genre_family("Singer/Songwriter"), genre_family("Cumbia")
    ('Metal', 'Singer/Songwriter', 'Other')
    """
    name = " ".join(genre.casefold().split())
    rules = _rules()
    if not name:
        return UNKNOWN
    if name in rules.other:
        return OTHER
    if name in rules.whole:
        return rules.whole[name]
    return next((family for family, words in rules.families.items() if words.search(name)), OTHER)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The words of each family, names as a whole with their families, and names without a family."""

    families: dict[str, re.Pattern[str]]
    whole: dict[str, str]
    other: frozenset[str]


@cache
def _rules() -> _Rules:
    data = yaml.safe_load((resources.files("stemtree.curation.sessions") / "genres.yaml").read_text("utf-8"))
    return _Rules(
        {family: re.compile("|".join(map(_pattern, words))) for family, words in data["families"].items()},
        {name.casefold(): family for name, family in data["whole"].items()},
        frozenset(name.casefold() for name in data["other"]),
    )


def _pattern(words: str) -> str:
    """``=word`` stands for a whole word, anything else for the beginning of one."""
    return r"\b" + re.escape(words.removeprefix("=")) + (r"\b" if words.startswith("=") else "")
