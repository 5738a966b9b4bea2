"""Who plays on a song, so that no artist ends up in two splits."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_FEATURED = re.compile(r"[\s(\[]+(?:feat|ft|featuring)\b\.?\s*", re.IGNORECASE)
_JOINED = re.compile(r"\s*(?:,|&|\+|/|;|\band\b|\bund\b|\by\b|\bwith\b|\bvs\b\.?|\bx\b)\s+", re.IGNORECASE)


def credited(artist: str, title: str = "") -> frozenset[str]:
    """Everybody credited, in normal form: the artist as a whole, each of several, and featured ones in the title too.

    Examples
    --------
    >>> sorted(credited("The Ünders & Bo", "Song (feat. N.I.A.)"))
    ['bo', 'nia', 'unders', 'undersbo']
    """
    main, *guests = _FEATURED.split(artist)
    guests += [guest.rstrip(")] ") for guest in _FEATURED.split(title)[1:]]
    names = {normal_name(name) for whole in (main, *guests) for name in (whole, *_JOINED.split(whole))}
    return frozenset(names - {""})


def normal_name(name: str) -> str:
    """Letters and digits alone, without case, accents and a leading article."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    plain = re.sub(r"^\s*the\s+", "", plain.casefold())
    return "".join(char for char in plain if char.isalnum())


def connected(credits: Iterable[tuple[str, frozenset[str]]]) -> Iterator[list[str]]:
    """Group songs that share an artist, directly or through others; in order of their first songs."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = name = above[above[name]]
        return name

    pairs = list(credits)
    for song, artists in pairs:
        for artist in artists:
            above[top(f"artist {artist}")] = top(f"song {song}")
    groups: dict[str, list[str]] = {}
    for song, _ in pairs:
        groups.setdefault(top(f"song {song}"), []).append(song)
    yield from groups.values()
