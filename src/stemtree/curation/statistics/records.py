"""One record for each song of any corpus, from which statistics are computed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stemtree.audio import open_source
from stemtree.corpora.layout import songs_in
from stemtree.corpora.registry import layout_of
from stemtree.corpora.track import AudioFile, Listing, Problem
from stemtree.curation.sessions.genres import UNKNOWN, genre_family
from stemtree.curation.sessions.sessions import SET_ASIDE, name_key, read_track_labels
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.statistics.locations import ANNOTATION, CorpusLocation
from stemtree.errors import AudioError, CorpusError, HierarchyError, counted
from stemtree.hierarchy import Hierarchy, load, own_name

_VOCAL = {"vocal", "vocals"}
_MAX_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SongRecord:
    """The facts of one song; None where the corpus does not have them.

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
        The leaves of MS21 that the labels belong to.
    unmapped : int
        Number of stems whose labels belong to none.
    genre : str
        Family of its genre.
    vocals : bool
        Whether it has vocals.
    leakage, vocal_leakage : bool or None
        Whether other instruments leak into any track, and into a vocal track.
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


def read_records(
    source: CorpusLocation,
    facts: Mapping[str, SongFacts],
    splits: Mapping[str, str],
    progress: Callable[[int], None] | None = None,
) -> tuple[list[SongRecord], list[Problem]]:
    """Read the record of every song of a corpus, from metadata and headers alone.

    Parameters
    ----------
    source : CorpusLocation
        The corpus.
    facts : mapping
        Genres and vocal quality by song (`name_key`), for corpora without them.
    splits : mapping
        Splits by song (`name_key`), for corpora without them.
    progress : callable, optional
        Called with the number of songs done.

    Returns
    -------
    records : list of SongRecord
        In order of the songs' names.
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
            records[found.song] = found if found.split else replace(found, split=splits.get(name_key(found.song)))
        if progress:
            progress(number + 1)
    if not records and not problems:
        raise CorpusError(f"'{source.root}' holds no songs in the layout '{source.kind}': check folder and kind")
    return [records[song] for song in sorted(records)], problems


def _from_corpus(source: CorpusLocation, facts: Mapping[str, SongFacts]) -> Iterator[SongRecord | Problem]:
    layout = layout_of(source.kind)
    tree = load(layout.hierarchy)
    for place in songs_in(source.root, layout):
        try:
            yield _record(source, layout.read_song(place), tree, facts)
        except (CorpusError, AudioError) as error:
            yield Problem(place.name, "metadata", str(error))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            yield Problem(place.name, "metadata", f"the metadata of '{place}' are not as they should be: copy it again")


def _record(source: CorpusLocation, listing: Listing, tree: Hierarchy, facts: Mapping[str, SongFacts]) -> SongRecord:
    data = listing.description
    name = str(data.get("session") or listing.id)
    song_facts = facts.get(name_key(name)) or facts.get(name_key(listing.id)) or SongFacts(name, "")
    leaves = [_leaf(stem.labels, tree) for stem in listing.stems]
    raw = [track for stem in data.get("stems", {}).values() for track in (stem.get("raw") or {}).values()]
    vocals = any(_VOCAL & set(leaf.split("/")) for leaf in leaves)
    quality = data.get("Vocal_Quality", song_facts.vocal_quality)
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
        genre=_family(data.get("sub_genre") or song_facts.sub_genre, data.get("genre") or song_facts.genre),
        vocals=vocals,
        leakage=_leakage(source.kind, data),
        vocal_leakage=quality == 0 if vocals and quality in (0, 1) else None,
    )


def _from_tables(source: CorpusLocation, facts: Mapping[str, SongFacts]) -> Iterator[SongRecord | Problem]:
    """The songs of an annotation; files that are set aside are no tracks."""
    tree = load("ms21")
    for song, rows in read_track_labels(source.root).items():
        labels = [label for _, label in rows if label not in SET_ASIDE]
        leaves = [_leaf((label,), tree) for label in labels]
        if unknown := sorted({label for label, leaf in zip(labels, leaves, strict=True) if not leaf}):
            few = ", ".join(f"'{label}'" for label in unknown[:3])
            count = counted(len(unknown), "label")
            yield Problem(song, "label", f"'{song}' has {count} of no instrument ({few}): correct them")
        song_facts = facts.get(name_key(song)) or SongFacts(song, "")
        vocals = any(leaf.startswith("vocal/") for leaf in leaves)
        yield SongRecord(
            corpus=source.name,
            song=song,
            split=None,
            seconds=None,
            channels=None,
            tracks=len(labels),
            labels=frozenset(labels),
            instruments=frozenset(own_name(leaf) for leaf in leaves if leaf),
            unmapped=leaves.count(""),
            genre=_family(song_facts.sub_genre, song_facts.genre),
            vocals=vocals,
            leakage=None,
            vocal_leakage=None if song_facts.vocal_quality is None or not vocals else song_facts.vocal_quality == 0,
        )


def _leaf(labels: tuple[str, ...], tree: Hierarchy) -> str:
    """The leaf of the first of a stem's labels that a hierarchy has; empty where it has none."""
    for label in labels:
        try:
            return tree.leaf(label)
        except HierarchyError:
            continue
    return ""


def _instrument(leaf: str, labels: tuple[str, ...]) -> str:
    """The name of the leaf of MS21 that a leaf of another hierarchy, or its labels, belong to; empty without one."""
    ms21 = load("ms21")
    name = own_name(leaf)
    if name in {own_name(path) for path in ms21.leaves()}:
        return name
    return own_name(_leaf(labels, ms21))


def _categories(kind: str, listing: Listing, leaves: list[str]) -> Iterator[str]:
    """`SongRecord.labels` of a song."""
    data = listing.description
    if "musdb_stems" in data:  # made here: the raw tracks carry the annotation's labels
        for stem in data["stems"].values():
            yield from (str(track["instrument"]) for track in stem["raw"].values())
    elif kind.startswith("slakh"):  # its labels are patches of samplers
        yield from filter(None, (own_name(leaf) for leaf in leaves))
    else:
        yield from (stem.labels[-1] for stem in listing.stems if stem.labels)


def _length(listing: Listing) -> tuple[float | None, int | None]:
    """Seconds and channels of the mixture, from a header or, where there is no audio, from the metadata."""
    data, seconds, channels = listing.description, None, None
    if "samples" in data and "sample_rate" in data:
        seconds, channels = data["samples"] / data["sample_rate"], data.get("channels")
        if not 0 < seconds < _MAX_SECONDS or channels not in (None, 1, 2):
            raise ValueError(f"{seconds} seconds, {channels} channels")
    file: AudioFile | None = listing.mixture or (listing.stems[0].file if listing.stems else None)
    if file is None or not file.path.exists():
        return seconds, channels
    audio = open_source(file.path, file.stream, thorough=False)
    return (audio.num_samples / audio.sample_rate if audio.num_samples else seconds), audio.channels


def _family(sub_genre: object, genre: object) -> str:
    """The family of the free description, or of the broad genre where the description is empty."""
    found = genre_family(str(sub_genre or ""))
    return genre_family(str(genre or "")) if found == UNKNOWN else found


def _leakage(kind: str, data: Mapping[str, Any]) -> bool | None:
    """MedleyDB's flag; corpora that are rendered or produced for separation have none (thesis, table 3)."""
    if kind.startswith(("slakh", "musdb18")):
        return False
    return {"yes": True, "no": False}.get(str(data.get("has_bleed")))
