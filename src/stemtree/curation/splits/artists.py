"""The artists of a song, and groups of songs that share one."""

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from stemtree.extras import library

_FEATURED = re.compile(r"[\s(\[]+(?:feat|ft|featuring)\b\.?\s*", re.IGNORECASE)
_JOINED = re.compile(r"\s*(?:,|&|\+|/|;|\band\b|\bund\b|\by\b|\bwith\b|\bvs\b\.?|\bx\b)\s+", re.IGNORECASE)


def credited(artist: str, title: str = "") -> frozenset[str]:
    """All credited artists, as `normal_name`: the whole credit, each of several, and those featured in the title.

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
    """Letters and digits of a name, without case, accents and a leading article; of ``!!!`` its signs."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    plain = re.sub(r"^\s*the\s+", "", plain.casefold())
    return "".join(char for char in plain if char.isalnum()) or "".join(plain.split())


def group_by_artist(credits: Iterable[tuple[str, frozenset[str]]]) -> list[list[str]]:
    """Group songs that share an artist, directly or through other songs.

    Parameters
    ----------
    credits : iterable of (song, artists)
        Each song once, with its artists from `credited`.

    Returns
    -------
    list of list of str
        In order of the groups' first songs.
    """
    sparse = library("scipy.sparse", "curation", "grouping songs by artist needs")
    csgraph = library("scipy.sparse.csgraph", "curation", "grouping songs by artist needs")
    songs = list(credits)
    artists = {artist for _, names in songs for artist in names}
    node = {artist: number for number, artist in enumerate(sorted(artists), start=len(songs))}
    edges = np.array([(song, node[name]) for song, (_, names) in enumerate(songs) for name in names], np.int64)
    size = len(songs) + len(node)
    graph = sparse.coo_array((np.ones(len(edges)), edges.reshape(-1, 2).T), (size, size))
    _, components = csgraph.connected_components(graph, directed=False)
    groups: dict[int, list[str]] = {}
    for (song, _), component in zip(songs, components, strict=False):  # the artists' nodes follow the songs'
        groups.setdefault(int(component), []).append(song)
    return list(groups.values())
