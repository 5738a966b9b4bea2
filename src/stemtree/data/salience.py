"""Salience: in which chunks of a corpus each node is louder than a threshold (thesis, 4.4.1)."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemtree.audio.decibels import to_decibels
from stemtree.audio.formats import RATES
from stemtree.corpora.fingerprint import track_fingerprint
from stemtree.corpora.song_cache import SongCache, cache_file
from stemtree.corpora.track import Corpus, Problem, Track
from stemtree.data.kernels import chunk_powers
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath

_FORMAT = 2
_DAY = 86_400
_SCHEMA = pl.Schema({"track": pl.String(), "fingerprint": pl.String(), "node": pl.String(), "rms": pl.List(pl.Float32)})


@dataclass(frozen=True, slots=True)
class Chunking:
    """How songs are cut into chunks.

    Parameters
    ----------
    duration, hop : float
        Length of a chunk, and distance from the start of one to the next, in seconds.
    threshold : float
        A node is salient in a chunk if its RMS is above this, in dBFS.

    Raises
    ------
    OptionError
        If duration or hop is not a number of seconds between one sample and a day, or the threshold is no number.
    """

    duration: float = 10.0
    hop: float = 2.5
    threshold: float = -30.0

    def __post_init__(self) -> None:
        if not all(1 / RATES[0] <= seconds <= _DAY for seconds in (self.duration, self.hop)):
            raise OptionError(
                f"chunks of {self.duration} s every {self.hop} s cannot be: give {1 / RATES[0]} to {_DAY}"
            )
        if isnan(self.threshold):
            raise OptionError(f"'threshold' is {self.threshold}: give a loudness in dBFS")

    def starts(self, track: Track) -> NDArray[np.int64]:
        """First samples of a song's chunks, ``(chunk,)``: all that fit, or one if the song is shorter than a chunk."""
        length, hop = self.num_samples(track.sample_rate), round(self.hop * track.sample_rate)
        return np.arange(0, max(track.num_samples - length, 0) + 1, hop)

    def num_samples(self, sample_rate: int) -> int:
        """Number of samples in a chunk."""
        return round(self.duration * sample_rate)


class SalienceIndex:
    """The loudness of every node of every song in every chunk.

    Parameters
    ----------
    table : polars.DataFrame
        One row per song and node: ``track``, ``node`` (``""`` is the mixture of all stems), ``fingerprint`` of the
        song's stems and the chunking, and ``rms``, a list with one value in dBFS for each chunk.
    chunking : Chunking
        How the songs were cut.
    problems : tuple of Problem
        Songs that could not be measured; they have no rows.
    """

    def __init__(self, table: pl.DataFrame, chunking: Chunking, problems: tuple[Problem, ...] = ()) -> None:
        self.table, self.chunking, self.problems = table, chunking, problems
        rows = table.select("track", "node", "rms").iter_rows()
        self._rms = {(track, node): np.asarray(rms, np.float32) for track, node, rms in rows}

    def rms(self, track: str, node: NodePath) -> NDArray[np.float32]:
        """``(chunk,)`` RMS of a node in dBFS; empty if the song has no stem of it."""
        return self._rms.get((track, node), np.empty(0, np.float32))

    def salient(self, track: str, node: NodePath) -> NDArray[np.bool_]:
        """``(chunk,)`` booleans: whether a node is salient."""
        salient = self.rms(track, node) > self.chunking.threshold
        return salient if salient.size else np.zeros(self.rms(track, MIXTURE).size, bool)


def salience_index(
    corpus: Corpus,
    hierarchy: Hierarchy,
    file: str | os.PathLike[str],
    chunking: Chunking | None = None,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> SalienceIndex:
    """Read the index of a corpus from a file; songs that it lacks, or that changed, are measured.

    A song is measured again when its stems or their files' sizes or times changed. Rows of other songs, other leaves or
    another chunking stay in the file, so that splits and pruned trees can share one.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    hierarchy : Hierarchy
        That of the corpus's leaves.
    file : path-like
        Parquet; it is created, or updated if anything changed.
    chunking : Chunking, optional
        By default chunks of 10 s every 2.5 s.
    workers : int, optional
        Threads, by default one for each core.
    skip_bad : bool
        Leave out songs that cannot be read, and list them in the index's `problems`.
    progress : callable, optional
        Called with the numbers of songs measured so far and in total.
    report : callable, optional
        Called before the first song is measured, with a sentence on why that is needed.

    Raises
    ------
    AudioError
        If a stem cannot be read; songs measured before it are kept.
    CorpusError
        If the file cannot be written, or holds something else.
    """
    chunking = chunking or Chunking()

    def rows(track: Track) -> list[tuple[NodePath, list[float]]]:
        return [(node, rms.tolist()) for node, rms in measure_chunks(track, hierarchy, chunking).items()]

    fingerprints = {track.id: salience_fingerprint(track, chunking) for track in corpus.tracks}
    cache = SongCache(Path(file), _SCHEMA)
    table, problems = cache.refresh(
        corpus, fingerprints, rows, workers=workers, skip_bad=skip_bad, progress=progress, report=report
    )
    return SalienceIndex(table, chunking, problems)


def index_file(corpus: Corpus) -> Path:
    """The default place of a corpus's index, one for each hierarchy; see `stemtree.corpora.song_cache.cache_file`."""
    return cache_file(corpus.root, f"salience-{corpus.hierarchy}.parquet")


def salience_fingerprint(track: Track, chunking: Chunking) -> str:
    """Fingerprint of a song and its chunks, which changes with anything that their loudness depends on."""
    chunks = {key: value for key, value in asdict(chunking).items() if key != "threshold"}
    return track_fingerprint(track, _FORMAT, chunks)


def measure_chunks(track: Track, hierarchy: Hierarchy, chunking: Chunking) -> dict[NodePath, NDArray[np.float32]]:
    """Measure the loudness of the nodes of one song.

    Parameters
    ----------
    track : Track
        With leaves of `hierarchy`.
    hierarchy : Hierarchy
        Whose nodes are measured.
    chunking : Chunking
        Where chunks begin and end.

    Returns
    -------
    dict
        For the mixture and every node that the song has a stem of: ``(chunk,)`` RMS over samples and channels, in
        dBFS rounded to 0.01 dB; minus infinity for silence.
    """
    starts = chunking.starts(track)
    ends = np.minimum(starts + chunking.num_samples(track.sample_rate), track.num_samples)
    stems_of_node = _stems_of_nodes(track, hierarchy)
    powers = chunk_powers(track, set(stems_of_node.values()), starts, ends)
    rms = {stems: np.round(to_decibels(power, power=True), 2).astype(np.float32) for stems, power in powers.items()}
    return {node: rms[stems] for node, stems in stems_of_node.items()}


def _stems_of_nodes(track: Track, hierarchy: Hierarchy) -> dict[NodePath, tuple[int, ...]]:
    """Numbers of the stems at or below each node; nodes without a stem are left out."""
    stems_of_node: dict[NodePath, tuple[int, ...]] = {}
    for number, stem in enumerate(track.stems):
        for node in (stem.leaf, *hierarchy.ancestors(stem.leaf)):
            stems_of_node[node] = (*stems_of_node.get(node, ()), number)
    return stems_of_node
