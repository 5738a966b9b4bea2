"""From a listing of multitracks to a folder for each song."""

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from stemtree.corpora.track import Problem
from stemtree.curation.gather.listing import LISTING_COLUMNS, ListedSong, read_listing
from stemtree.curation.gather.song import GatheredSong, GatherSettings, SongGatherer
from stemtree.curation.sessions.csv_tables import format_table
from stemtree.errors import CorpusError
from stemtree.staging import whole_file, write_failure

SONG_COLUMNS = ("song", *LISTING_COLUMNS, "status", "files", "sha256", "fault", "reason", "left_out")
"""Columns of ``songs.csv``."""

_MAX_BYTES = 200
"""Of a folder's name."""


def gather(
    listing: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: GatherSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[GatheredSong], list[Problem]]:
    """Fetch and unpack every song of a listing.

    ``<output>/songs/<song>/`` holds a song's audio files and ``song.json`` (its row, the archive's checksum, entries
    that were left out); ``previews``, ``archives`` and ``quarantine`` lie beside ``songs``, and ``songs.csv`` has the
    outcome of every row. A song whose folder is there is done, unless the listing now names another archive for it; a
    quarantined one is done until its archive is taken out of ``quarantine``.

    Parameters
    ----------
    listing : path-like
        For `read_listing`.
    output : path-like
        The library's folder; made if it is missing.
    settings : GatherSettings, optional
        Limits and what to keep.
    progress : callable, optional
        Called with the number of songs done, and of all songs.

    Returns
    -------
    songs : list of GatheredSong
        In the listing's order.
    problems : list of Problem
        Bad rows and previews that could not be fetched.

    Raises
    ------
    CorpusError
        If the listing cannot be used, or the folder not written.
    """
    listed_songs, problems = read_listing(listing)
    root = Path(output)
    gatherer = SongGatherer(root, Path(listing).parent, settings or GatherSettings(), problems.append)
    rows = list(zip(folder_names(listed_songs), listed_songs, strict=True))
    done: list[GatheredSong] = []
    try:
        try:
            for song, listed in rows:
                done.append(gatherer.gather(song, listed))
                if progress:
                    progress(len(done), len(rows))
        finally:  # also after an interruption, with the songs of earlier runs
            if root.is_dir():
                earlier = [known for song, listed in rows[len(done) :] if (known := gatherer.find(song, listed))]
                _write_songs(root / "songs.csv", [*done, *earlier])
    except OSError as error:
        raise CorpusError(write_failure(root, error)) from None
    return done, problems


def folder_names(songs: list[ListedSong]) -> list[str]:
    """Names of the songs' folders: their names without characters that file systems refuse, no two alike."""
    names: list[str] = []
    taken: set[str] = set()
    for listed in songs:
        clean = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]', "_", unicodedata.normalize("NFC", listed.song))
        base = name = clean.encode()[:_MAX_BYTES].decode("utf-8", "ignore").strip(" .") or "_"
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{base} ({number})"
        taken.add(name.casefold())
        names.append(name)
    return names


def _write_songs(file: Path, songs: list[GatheredSong]) -> None:
    rows = (
        (
            *(one.song, *asdict(one.listed).values(), one.status, one.files, one.sha256),
            *(one.fault, " ".join(one.reason.split()), "; ".join(one.left_out)),
        )
        for one in songs
    )
    with whole_file(file) as partial:
        partial.write_text(format_table(SONG_COLUMNS, rows, "\n"), "utf-8", newline="")
