"""Splits of a corpus on disk, or of songs known only from tables."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from stemtree.corpora.layout import read_metadata
from stemtree.curation.files import read_table, write_table
from stemtree.curation.metadata import write_metadata
from stemtree.curation.sessions import facts_from_name, read_annotation, read_songs
from stemtree.curation.split import SHARES, Song, Splits, assign_splits, published_test_songs
from stemtree.errors import CorpusError, HierarchyError
from stemtree.hierarchy import load

TABLE = "splits.csv"

_SPELLINGS = {"valid": "validation", "val": "validation"}


def split_corpus(
    root: str | os.PathLike[str],
    shares: Sequence[float] = SHARES,
    *,
    fixed: str | os.PathLike[str] | None = None,
    anew: bool = False,
) -> Splits:
    """Split the songs of a corpus made by `stemtree.curation.stems`: in ``splits.csv`` and in every song's metadata.

    Songs that the table has already stay where they are.

    Parameters
    ----------
    root : path-like
        The corpus's folder.
    shares : sequence of float
        Of train, validation and test.
    fixed : path-like, optional
        CSV with the columns ``song`` and ``split``, beside the published test songs.
    anew : bool
        Forget the earlier table.

    Raises
    ------
    CorpusError
        If the folder holds no songs, or a table or a song's metadata cannot be read.
    """
    place = FilePath(root)
    found = {
        file: read_metadata(file) for file in sorted(place.glob("*/*_METADATA.yaml")) if file.parent.name[0] != "."
    }
    if not found:
        raise CorpusError(f"'{root}' holds no songs with metadata: make them with stemtree curate stems")
    songs = {file: _song(file, data) for file, data in found.items()}
    splits = assign_to_table(list(songs.values()), place / TABLE, shares, fixed=fixed, anew=anew)
    for file, data in found.items():
        split = splits.of.get(songs[file].name)
        if split != data.get("split"):
            write_metadata(file, {key: value for key, value in data.items() if key != "split"} | _where(split))
    return splits


def assign_to_table(
    songs: Sequence[Song],
    table: FilePath,
    shares: Sequence[float] = SHARES,
    *,
    fixed: str | os.PathLike[str] | None = None,
    anew: bool = False,
) -> Splits:
    """Split songs and write where they go; songs that the table has already stay."""
    earlier = read_splits(table) if table.exists() and not anew else {}
    given = {**published_test_songs(), **(read_splits(fixed) if fixed else {})}
    splits = assign_splits(songs, shares, fixed=given, earlier=earlier)
    write_table(table, ("song", "split"), sorted({**earlier, **splits.of}.items()))  # what is gone now may come back
    return splits


def songs_from_tables(
    songs: str | os.PathLike[str], annotation: str | os.PathLike[str], hierarchy: str = "ms21"
) -> list[Song]:
    """Songs as tables describe them, without any audio; labels without a leaf do not count."""
    tree, heard = load(hierarchy), defaultdict[str, set[str]](set)
    for name, rows in read_annotation(annotation).items():
        for _, label in rows:
            try:
                heard[name].add(tree.leaf(label).rpartition("/")[2])
            except HierarchyError:
                continue
    return [
        Song(name, facts.artist, facts.title, facts.sub_genre or facts.genre, frozenset(heard[name]))
        for name, facts in read_songs(songs).items()
    ]


def read_splits(file: str | os.PathLike[str]) -> dict[str, str]:
    """Read a table with the columns ``song`` and ``split``; ``valid`` is validation."""
    rows = read_table(file, ("song", "split"))
    return {row["song"]: _SPELLINGS.get(row["split"].lower(), row["split"].lower()) for row in rows}


def _song(file: FilePath, data: Mapping[str, Any]) -> Song:
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


def _where(split: str | None) -> dict[str, str]:
    return {"split": split} if split else {}
