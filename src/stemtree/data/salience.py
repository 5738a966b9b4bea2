"""Where in a corpus each node can be heard: the loudness of every node in every chunk (thesis, 4.4.1)."""

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemtree.audio import Excerpts
from stemtree.audio.formats import RATES
from stemtree.corpora.fingerprint import track_fingerprint
from stemtree.corpora.song_cache import read_fresh, refresh
from stemtree.corpora.track import Corpus, Problem, Track
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath

_FORMAT = 2
_HELD = 1 << 20
"""Values that a song's stems are read in at a time, all together and as if stereo: 4 MiB, which a cache may hold."""
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Chunking:
    """How songs are cut into chunks.

    Parameters
    ----------
    duration, hop : float
        Of a chunk and from chunk to chunk, in seconds.
    threshold : float
        A node is salient in a chunk when its RMS there is above this, in dBFS.

    Raises
    ------
    OptionError
        If duration or hop is not a number of seconds between one sample and a day.
    """

    duration: float = 10.0
    hop: float = 2.5
    threshold: float = -30.0

    def __post_init__(self) -> None:
        if not all(1 / RATES[0] <= seconds <= _DAY for seconds in (self.duration, self.hop)):
            raise OptionError(
                f"chunks of {self.duration} s every {self.hop} s cannot be: give {1 / RATES[0]} to {_DAY}"
            )

    def starts(self, track: Track) -> NDArray[np.int64]:
        """First samples of a song's chunks: all that fit, or one for a song that is shorter than a chunk."""
        length, hop = self.length(track.sample_rate), round(self.hop * track.sample_rate)
        return np.arange(0, max(track.num_samples - length, 0) + 1, hop)

    def length(self, sample_rate: int) -> int:
        """Samples in a chunk."""
        return round(self.duration * sample_rate)


class SalienceIndex:
    """The loudness of every node that a song has, in every chunk of it.

    Parameters
    ----------
    table : polars.DataFrame
        One row per song and node: ``track``, ``node`` (``""`` is the mixture of all stems), ``fingerprint`` of what the
        song was made from, and ``rms``, a list with one value in dBFS for each chunk.
    chunking : Chunking
        How the songs were cut.
    problems : tuple of Problem
        Songs that could not be measured and have no rows.
    """

    def __init__(self, table: pl.DataFrame, chunking: Chunking, problems: tuple[Problem, ...] = ()) -> None:
        self.table, self.chunking, self.problems = table, chunking, problems
        rows = table.select("track", "node", "rms").iter_rows()
        self._rms = {(track, node): np.asarray(rms, np.float32) for track, node, rms in rows}

    def rms(self, track: str, node: NodePath) -> NDArray[np.float32]:
        """DBFS of a node in each chunk of a song; empty if the song has no stem of it."""
        return self._rms.get((track, node), np.empty(0, np.float32))

    def salient(self, track: str, node: NodePath) -> NDArray[np.bool_]:
        """Whether a node is heard in each chunk of a song."""
        heard = self.rms(track, node) > self.chunking.threshold
        return heard if heard.size else np.zeros(self.rms(track, MIXTURE).size, bool)


def salience_index(
    corpus: Corpus,
    hierarchy: Hierarchy,
    file: str | os.PathLike[str],
    chunking: Chunking | None = None,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SalienceIndex:
    """Read the index of a corpus from a file, measuring what is missing or stale there.

    A song is measured again when its stems or their files' sizes or times changed. What was measured of other songs,
    with other leaves or with another chunking stays in the file beside it: splits and pruned trees share one.

    Parameters
    ----------
    corpus, hierarchy
        What to measure, and the tree that its leaves belong to.
    file : path-like
        Parquet; made where it is missing, and left alone if nothing changed.
    chunking : Chunking, optional
        By default chunks of 10 s every 2.5 s.
    workers : int, optional
        Threads, by default one for each core.
    skip_bad : bool
        Go on after a song that cannot be read, and name it in the index's `problems`.
    progress : callable, optional
        Told how many songs of how many are measured.

    Raises
    ------
    AudioError
        If a stem cannot be read; what was measured before is kept.
    CorpusError
        If the file cannot be written.
    """
    chunking = chunking or Chunking()

    def rows(track: Track) -> list[tuple[NodePath, list[float]]]:
        return [(node, levels.tolist()) for node, levels in measure(track, hierarchy, chunking).items()]

    prints = {track.id: fingerprint(track, chunking) for track in corpus.tracks}
    table, problems = refresh(
        Path(file), _SCHEMA, corpus, prints, rows, workers=workers, skip_bad=skip_bad, progress=progress
    )
    return SalienceIndex(table, chunking, problems)


def load_index(corpus: Corpus, file: str | os.PathLike[str], chunking: Chunking | None = None) -> SalienceIndex:
    """Read an index that must be whole and fresh.

    Raises
    ------
    StaleIndexError
        If it lacks a song of the corpus, or was made from something else; names the song and what to run.
    """
    chunking = chunking or Chunking()
    prints = {track.id: fingerprint(track, chunking) for track in corpus.tracks}
    return SalienceIndex(read_fresh(Path(file), _SCHEMA, corpus, prints), chunking)


def index_file(corpus: Corpus) -> Path:
    """Where a corpus's index lies unless told otherwise: in its folder, one for each hierarchy."""
    return corpus.root / f"salience-{corpus.hierarchy}.parquet"


_SCHEMA = pl.Schema({"track": pl.String(), "fingerprint": pl.String(), "node": pl.String(), "rms": pl.List(pl.Float32)})


def fingerprint(track: Track, chunking: Chunking) -> str:
    """Tell a song and its chunks apart: changes whenever anything that their loudness depends on does."""
    cut = {key: value for key, value in asdict(chunking).items() if key != "threshold"}
    return track_fingerprint(track, _FORMAT, cut)


def measure(track: Track, hierarchy: Hierarchy, chunking: Chunking) -> dict[NodePath, NDArray[np.float32]]:
    """Measure one song.

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
        For the mixture and every node that the song has a stem of: the RMS of each chunk in dBFS, over that chunk's own
        samples, first to last, and over channels; to 0.01 dB, minus infinity for silence.
    """
    starts = chunking.starts(track)
    ends = np.minimum(starts + chunking.length(track.sample_rate), track.num_samples)
    most = max(1, _HELD // (2 * len(track.stems)))
    # A chunk is a whole number of pieces, so every sample is squared once however much chunks overlap.
    edges = np.unique(np.concatenate([starts, ends, np.arange(starts[0], ends[-1], most)]))
    members = _members(track, hierarchy)
    energy = {stems: np.zeros(len(edges) - 1) for stems in members.values()}
    with Excerpts([stem.file.path for stem in track.stems], [stem.file.stream for stem in track.stems]) as files:
        for first, last in _groups(edges, most):
            audio = files.read(int(edges[first]), int(edges[last] - edges[first]))
            for stems, total in energy.items():
                signal = reduce(np.add, [audio[stem] for stem in stems])
                # As they lie in memory: channels side by side, which a mean over both need not tell apart.
                values = signal.T.reshape(-1)
                cuts = (edges[first : last + 1] - edges[first]) * len(signal)
                pieces = [values[begin:end] for begin, end in itertools.pairwise(cuts)]
                total[first:last] = [float(np.dot(piece, piece)) / len(signal) for piece in pieces]
    running = {stems: np.concatenate([[0.0], np.cumsum(pieces)]) for stems, pieces in energy.items()}
    at = np.searchsorted(edges, starts), np.searchsorted(edges, ends)
    with np.errstate(divide="ignore"):
        levels = {
            stems: np.round(10 * np.log10(np.maximum(total[at[1]] - total[at[0]], 0) / (ends - starts)), 2)
            for stems, total in running.items()
        }
    return {node: levels[stems].astype(np.float32) for node, stems in members.items()}


def _members(track: Track, hierarchy: Hierarchy) -> dict[NodePath, tuple[int, ...]]:
    """Numbers of the stems that make up each node that is not empty; nodes with the same stems are measured once."""
    members: dict[NodePath, tuple[int, ...]] = {}
    for number, stem in enumerate(track.stems):
        for node in (stem.leaf, *hierarchy.ancestors(stem.leaf)):
            members[node] = (*members.get(node, ()), number)
    return members


def _groups(edges: NDArray[np.int64], most: int) -> Iterable[tuple[int, int]]:
    """Runs of pieces of at most `most` samples together, which no piece is longer than."""
    first = 0
    while first < len(edges) - 1:
        last = max(first + 1, int(np.searchsorted(edges, edges[first] + most, side="right")) - 1)
        yield first, last
        first = last
