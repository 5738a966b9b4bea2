"""Splits of a corpus on disk, or of songs that only tables describe."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import SPLITS, read_metadata
from stemtree.corpora.track import Problem
from stemtree.curation.sessions.csv_tables import read_table, write_table
from stemtree.curation.sessions.sessions import name_key, read_track_labels
from stemtree.curation.sessions.songs import facts_from_name, read_songs
from stemtree.curation.splits.assign import (
    SHARES,
    Song,
    Splits,
    assign_splits,
    names_without_song,
    published_test_songs,
)
from stemtree.curation.stems.metadata import write_metadata
from stemtree.errors import CorpusError, HierarchyError, counted
from stemtree.hierarchy import load, own_name

SPLITS_FILE = "splits.csv"

_SPELLINGS = {"valid": "validation", "val": "validation"}


def split_corpus(
    root: str | os.PathLike[str],
    shares: Sequence[float] = SHARES,
    *,
    fixed: str | os.PathLike[str] | None = None,
    anew: bool = False,
) -> Splits:
    """Split the songs of a corpus that `stemtree.curation.stems.build` made.

    The splits are written to ``splits.csv`` and to every song's metadata. Songs that the table has already keep their
    split.

    Parameters
    ----------
    root : path-like
        The corpus's folder.
    shares : sequence of float
        Of train, validation and test.
    fixed : path-like, optional
        CSV with the columns ``song`` and ``split``, beside the published test songs.
    anew : bool
        Whether to ignore the earlier table.

    Raises
    ------
    CorpusError
        If the folder holds no songs, or one twice, or a table or a song's metadata cannot be read.
    """
    place = Path(root)
    metadata = {
        file: read_metadata(file) for file in sorted(place.glob("*/*_METADATA.yaml")) if file.parent.name[0] != "."
    }
    if not metadata:
        raise CorpusError(f"'{root}' holds no songs with metadata: make them with stemtree curate stems")
    songs = {file: _song(file, data) for file, data in metadata.items()}
    folders: dict[str, Path] = {}
    for file, song in songs.items():
        if (first := folders.setdefault(song.name, file.parent)) != file.parent:
            raise CorpusError(f"'{song.name}' is in '{first}' and in '{file.parent}': remove one")
    splits = assign_to_table(list(songs.values()), place / SPLITS_FILE, shares, fixed=fixed, anew=anew)
    for file, data in metadata.items():
        split = splits.of.get(songs[file].name)
        if split != data.get("split"):
            without = {key: value for key, value in data.items() if key != "split"}
            write_metadata(file, without | ({"split": split} if split else {}))
    return splits


def assign_to_table(
    songs: Sequence[Song],
    table: Path,
    shares: Sequence[float] = SHARES,
    *,
    fixed: str | os.PathLike[str] | None = None,
    anew: bool = False,
) -> Splits:
    """Split songs and write their splits to a table; songs that the table has already keep their split."""
    spelling = {name_key(song.name): song.name for song in songs}
    known = read_splits(table) if table.exists() and not anew else {}
    earlier = {spelling.get(name_key(name), name): split for name, split in known.items()}
    given = read_splits(fixed) if fixed else {}
    splits = assign_splits(songs, shares, fixed={**published_test_songs(), **given}, earlier=earlier)
    splits = replace(splits, unknown=tuple(names_without_song(given, songs)))
    write_table(
        table, ("song", "split"), sorted({**earlier, **splits.of}.items())
    )  # also of songs that are missing now
    return splits


def songs_from_tables(
    songs: str | os.PathLike[str], annotation: str | os.PathLike[str]
) -> tuple[list[Song], list[Problem]]:
    """Describe songs from tables, without any audio; labels without a leaf do not count.

    Returns
    -------
    songs : list of Song
        Those that both tables have.
    problems : list of Problem
        How many only one of them has.

    Raises
    ------
    CorpusError
        If a table cannot be read, or they have no song in common.
    """
    tree, instruments = load("ms21"), dict[str, set[str]]()
    for name, rows in read_track_labels(annotation).items():
        leaves = instruments.setdefault(name_key(name), set())
        for _, label in rows:
            with suppress(HierarchyError):
                leaves.add(own_name(tree.leaf(label)))
    facts_of = read_songs(songs)
    found = [
        Song(name, facts.artist, facts.title, facts.sub_genre or facts.genre, frozenset(instruments[name_key(name)]))
        for name, facts in facts_of.items()
        if name_key(name) in instruments
    ]
    if not found:
        raise CorpusError(f"no song of '{songs}' has a row in '{annotation}': give tables of the same songs")
    named = {name_key(name) for name in facts_of}
    problems = [
        Problem(
            lost[0],
            "one table",
            counted(len(lost), f"song of '{here}' has", f"songs of '{here}' have")
            + f" no row in '{there}', such as '{lost[0]}'",
        )
        for here, there, lost in (
            (songs, annotation, sorted(named - instruments.keys())),
            (annotation, songs, sorted(instruments.keys() - named)),
        )
        if lost
    ]
    return found, problems


def read_splits(file: str | os.PathLike[str]) -> dict[str, str]:
    """Read a table with the columns ``song`` and ``split``; ``valid`` and ``val`` mean validation.

    Raises
    ------
    CorpusError
        If it cannot be read, or gives a song two splits or an unknown one.
    """
    splits: dict[str, str] = {}
    for row in read_table(file, ("song", "split")):
        split = _SPELLINGS.get(row["split"].lower(), row["split"].lower())
        if split not in SPLITS:
            raise CorpusError(f"'{row['song']}' has the split '{row['split']}' in '{file}': write {', '.join(SPLITS)}")
        if splits.setdefault(row["song"], split) != split:
            raise CorpusError(f"'{row['song']}' is in {splits[row['song']]} and in {split} in '{file}': keep one row")
    return splits


def _song(file: Path, data: Mapping[str, Any]) -> Song:
    """The song that a metadata file describes."""
    identifier = file.name.removesuffix("_METADATA.yaml")
    name = str(data.get("session") or identifier)
    facts = facts_from_name(name)
    stems = data.get("stems")
    if not isinstance(stems, dict) or not all(isinstance(stem, dict) for stem in stems.values()):
        raise CorpusError(f"the metadata '{file}' does not list stems: make the song again")
    return Song(
        name,
        str(data.get("artist") or facts.artist),
        str(data.get("title") or facts.title),
        str(data.get("sub_genre") or data.get("genre") or ""),
        frozenset(str(stem.get("instrument")) for stem in stems.values()),
    )
