"""One record per song of any corpus: what statistics are made of."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stemtree.audio import open_source
from stemtree.corpora.layout import read_metadata
from stemtree.corpora.registry import KINDS, layout_of
from stemtree.corpora.track import AudioFile, Listing, Problem
from stemtree.curation.sessions.genres import UNKNOWN, genre_family
from stemtree.curation.sessions.sessions import SET_ASIDE, read_labels
from stemtree.curation.sessions.songs import SongFacts
from stemtree.errors import AudioError, CorpusError, HierarchyError, OptionError
from stemtree.hierarchy import Hierarchy, load

ANNOTATION = "annotation"
"""The kind of a corpus that is known from its annotation alone, without audio."""

_METADATA = "_METADATA.yaml"
_VOCAL = {"vocal", "vocals"}
_LONGEST = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SongRecord:
    """What a corpus tells of one song; None where it does not tell.

    Parameters
    ----------
    corpus, song : str
        Names.
    split : str or None
        ``train``, ``validation`` or ``test``.
    seconds : float or None
        Length of the mixture.
    channels : int or None
        Of the mixture.
    tracks : int
        Raw tracks where the corpus has them, else stems.
    labels : frozenset of str
        The corpus's own categories: of raw tracks in MS21, of stems elsewhere (thesis, table 3).
    instruments : frozenset of str
        The leaves of MS21 that these stand for, as far as they do.
    unmapped : int
        Stems that stand for none.
    genre : str
        Its family.
    vocals : bool
        Whether somebody sings.
    leakage, vocal_leakage : bool or None
        Whether other instruments are heard in any track, and in a vocal track.
    """

    corpus: str
    song: str
    split: str | None
    seconds: float | None
    channels: int | None
    tracks: int
    labels: frozenset[str]
    instruments: frozenset[str]
    unmapped: int
    genre: str
    vocals: bool
    leakage: bool | None
    vocal_leakage: bool | None


@dataclass(frozen=True, slots=True)
class CorpusLocation:
    """Where a corpus is: its name in tables, its kind (a key of `KINDS`, or `ANNOTATION`) and its folder or file."""

    name: str
    kind: str
    root: Path

    @classmethod
    def parse(cls, text: str) -> "CorpusLocation":
        """Read ``[NAME=][KIND:]ROOT``; a kind that is not given is told from what lies there.

        Raises
        ------
        OptionError
            If there is nothing, or nothing that tells its kind.
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


def read_records(
    source: CorpusLocation,
    facts: Mapping[str, SongFacts],
    splits: Mapping[str, str],
    progress: Callable[[int], None] | None = None,
) -> tuple[list[SongRecord], list[Problem]]:
    """Read every song of a corpus, from metadata and headers alone.

    Parameters
    ----------
    source : CorpusLocation
        Which corpus.
    facts : mapping
        Genres and vocal quality by song, for corpora that do not tell them.
    splits : mapping
        Splits by song, for corpora that do not tell them.
    progress : callable, optional
        Told how many songs are done.

    Returns
    -------
    records : list of SongRecord
        In order of their names.
    problems : list of Problem
        Songs that cannot be read, or are there twice.

    Raises
    ------
    CorpusError
        If there is no song.
    """
    records: dict[str, SongRecord] = {}
    problems = []
    songs = _from_tables(source, facts) if source.kind == ANNOTATION else _from_corpus(source, facts)
    for number, found in enumerate(songs):
        if isinstance(found, Problem):
            problems.append(found)
        elif found.song in records:
            problems.append(Problem(found.song, "twice", f"'{found.song}' is in '{source.root}' twice: it counts once"))
        else:
            records[found.song] = found if found.split else _with_split(found, splits)
        if progress:
            progress(number + 1)
    if not records and not problems:
        raise CorpusError(f"'{source.root}' holds no songs in the layout '{source.kind}': check folder and kind")
    return [records[song] for song in sorted(records)], problems


def _from_corpus(source: CorpusLocation, facts: Mapping[str, SongFacts]) -> Iterator[SongRecord | Problem]:
    layout = layout_of(source.kind)
    tree = load(layout.hierarchy)
    for place in layout.song_paths(source.root):
        try:
            yield _record(source, layout.read_song(place), tree, facts)
        except (CorpusError, AudioError) as error:
            yield Problem(place.name, "metadata", str(error))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            yield Problem(place.name, "metadata", f"the metadata of '{place}' are not as they should be: copy it again")


def _record(source: CorpusLocation, listing: Listing, tree: Hierarchy, facts: Mapping[str, SongFacts]) -> SongRecord:
    data = listing.description
    name = str(data.get("session") or listing.id)
    told = facts.get(name) or facts.get(listing.id) or SongFacts(name, "")
    leaves = [_leaf(stem.labels, tree) for stem in listing.stems]
    raw = [track for stem in data.get("stems", {}).values() for track in (stem.get("raw") or {}).values()]
    vocals = any(_VOCAL & set(leaf.split("/")) for leaf in leaves)
    quality = data.get("Vocal_Quality", told.vocal_quality)
    seconds, channels = _length(listing)
    instruments = [_instrument(leaf, stem.labels) for leaf, stem in zip(leaves, listing.stems, strict=True)]
    return SongRecord(
        corpus=source.name,
        song=name,
        split=listing.split,
        seconds=seconds,
        channels=channels,
        tracks=len(raw) or len(listing.stems),
        labels=frozenset(_categories(source.kind, listing, leaves)),
        instruments=frozenset(instruments) - {""},
        unmapped=instruments.count(""),
        genre=_family(data.get("sub_genre") or told.sub_genre, data.get("genre") or told.genre),
        vocals=vocals,
        leakage=_leakage(source.kind, data),
        vocal_leakage=quality == 0 if vocals and quality in (0, 1) else None,
    )


def _from_tables(source: CorpusLocation, facts: Mapping[str, SongFacts]) -> Iterator[SongRecord | Problem]:
    """Songs of an annotation; what it sets aside is no track."""
    tree = load("ms21")
    for song, rows in read_labels(source.root).items():
        labels = [label for _, label in rows if label not in SET_ASIDE]
        leaves = [_leaf((label,), tree) for label in labels]
        if strange := sorted({label for label, leaf in zip(labels, leaves, strict=True) if not leaf}):
            few = ", ".join(f"'{label}'" for label in strange[:3])
            yield Problem(song, "label", f"'{song}' has {len(strange)} labels of no instrument ({few}): correct them")
        told = facts.get(song) or SongFacts(song, "")
        vocals = any(leaf.startswith("vocal/") for leaf in leaves)
        yield SongRecord(
            corpus=source.name,
            song=song,
            split=None,
            seconds=None,
            channels=None,
            tracks=len(labels),
            labels=frozenset(labels),
            instruments=frozenset(leaf.rpartition("/")[2] for leaf in leaves if leaf),
            unmapped=leaves.count(""),
            genre=_family(told.sub_genre, told.genre),
            vocals=vocals,
            leakage=None,
            vocal_leakage=None if told.vocal_quality is None or not vocals else told.vocal_quality == 0,
        )


def _leaf(labels: tuple[str, ...], tree: Hierarchy) -> str:
    """The first of a stem's labels that a hierarchy knows, as a leaf; empty where it knows none."""
    for label in labels:
        try:
            return tree.leaf(label)
        except HierarchyError:
            continue
    return ""


def _instrument(leaf: str, labels: tuple[str, ...]) -> str:
    """The name of a leaf of MS21 for a leaf of another hierarchy, or for the labels; empty where there is none."""
    ms21 = load("ms21")
    name = leaf.rpartition("/")[2]
    if name in {path.rpartition("/")[2] for path in ms21.leaves()}:
        return name
    return _leaf(labels, ms21).rpartition("/")[2]


def _categories(kind: str, listing: Listing, leaves: list[str]) -> Iterator[str]:
    data = listing.description
    if "musdb_stems" in data:  # made here: the raw tracks carry the annotation's labels
        for stem in data["stems"].values():
            yield from (str(track["instrument"]) for track in stem["raw"].values())
    elif kind.startswith("slakh"):  # its labels are patches of samplers
        yield from filter(None, (leaf.rpartition("/")[2] for leaf in leaves))
    else:
        yield from (stem.labels[-1] for stem in listing.stems if stem.labels)


def _length(listing: Listing) -> tuple[float | None, int | None]:
    """Seconds and channels, from the metadata or a header."""
    data = listing.description
    if "samples" in data and "sample_rate" in data:
        seconds, channels = data["samples"] / data["sample_rate"], data.get("channels")
        if not 0 < seconds < _LONGEST or channels not in (None, 1, 2):
            raise ValueError(f"{seconds} seconds, {channels} channels")
        return seconds, channels
    file: AudioFile | None = listing.mixture or (listing.stems[0].file if listing.stems else None)
    if file is None or not file.path.exists():
        return None, None
    audio = open_source(file.path, file.stream)
    return (audio.num_samples / audio.sample_rate if audio.num_samples else None), audio.channels


def _family(sub_genre: object, genre: object) -> str:
    """What the description tells where it tells anything, else the broad genre."""
    found = genre_family(str(sub_genre or ""))
    return genre_family(str(genre or "")) if found == UNKNOWN else found


def _leakage(kind: str, data: Mapping[str, Any]) -> bool | None:
    """MedleyDB's flag; what was rendered or produced for separation has none (thesis, table 3)."""
    if kind.startswith(("slakh", "musdb18")):
        return False
    return {"yes": True, "no": False}.get(str(data.get("has_bleed")))


def _with_split(record: SongRecord, splits: Mapping[str, str]) -> SongRecord:
    return replace(record, split=splits.get(record.song))


def _kind_of(place: Path) -> str:
    """What lies there, told by a file that only one layout has."""
    if place.suffix.lower() == ".csv":
        return ANNOTATION
    if metadata := next(iter(sorted(place.glob(f"**/*{_METADATA}"))), None):
        return "ms21" if "musdb_stems" in read_metadata(metadata) else "medleydb"
    for pattern, kind in (
        ("**/metadata.yaml", "slakh"),
        ("**/*.stem.mp4", "musdb18"),
        ("**/mixture.wav", "musdb18-hq"),
        ("*/data.json", "moisesdb"),
    ):
        if next(place.glob(pattern), None):
            return kind
    raise OptionError(f"nothing tells what '{place}' is: write KIND:{place}, the kind being one of {_kinds()}")


def _kinds() -> str:
    return ", ".join((*KINDS, ANNOTATION))
