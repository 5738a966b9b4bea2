"""Frozen lists of chunks, so that estimators are compared on the same chunks whatever they estimate."""

import csv
import hashlib
import io
import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import Chunking, SalienceIndex, index_file, salience_index
from stemtree.errors import AudioWarning, EvaluationError, SamplingError
from stemtree.evaluation.chunks import SongChunks, check_draw
from stemtree.hierarchy import Hierarchy, NodePath, is_within
from stemtree.staging import whole_file, write_failure

_COLUMNS = ("song", "start", "duration", "target")


@dataclass(frozen=True, slots=True)
class ListedChunk:
    """One chunk of a list.

    Parameters
    ----------
    song : str
        Its id in the corpus.
    start : float
        In seconds.
    target : NodePath
        The node that the chunk was selected for, whose path is measured; empty if all nodes are.
    """

    song: str
    start: float
    target: NodePath = ""


@dataclass(frozen=True)
class ChunkList:
    """Chunks, and the rule that selected them.

    Parameters
    ----------
    chunks : tuple of ListedChunk
        In the order of songs and starts.
    duration : float
        Of every chunk, in seconds.
    rule : str
        How they were selected, for people.
    """

    chunks: tuple[ListedChunk, ...]
    duration: float
    rule: str = ""

    @cached_property
    def targets(self) -> tuple[NodePath, ...]:
        """The targets, each once; none if chunks were not selected for targets."""
        return tuple(dict.fromkeys(chunk.target for chunk in self.chunks if chunk.target))

    @property
    def digest(self) -> str:
        """24 hexadecimal digits that change with songs, starts, targets and duration."""
        content = [[chunk.song, chunk.start, chunk.target] for chunk in self.chunks]
        return hashlib.sha256(json.dumps([self.duration, content]).encode()).hexdigest()[:24]

    def starts_for(self, target: NodePath, track: Track, starts: Sequence[int]) -> list[int]:
        """Select those of a song's first samples at which a listed chunk of this target begins."""
        listed = {round(seconds * track.sample_rate) for seconds in self._seconds.get((track.id, target), ())}
        return [start for start in starts if start in listed]

    def songs(self, corpus: Corpus) -> list[SongChunks]:
        """The songs of a corpus that have listed chunks, with the chunks' first samples.

        Raises
        ------
        EvaluationError
            If the corpus lacks a listed song, or the song is shorter than a chunk's end.
        """
        tracks = {track.id: track for track in corpus.tracks}
        starts: dict[str, set[int]] = {}
        for chunk in self.chunks:
            track = tracks.get(chunk.song)
            if track is None:
                raise EvaluationError(
                    f"'{chunk.song}' of the list of chunks is not among the songs of '{corpus.root}': give the corpus "
                    "and the split that it was made for"
                )
            start = round(chunk.start * track.sample_rate)
            # Of a song that is shorter than a chunk, the only chunk begins at 0.
            if start and start + round(self.duration * track.sample_rate) > track.num_samples:
                raise EvaluationError(
                    f"'{chunk.song}' lasts {track.duration:.1f} s, and the list has a chunk at {chunk.start} s: give "
                    "the corpus that it was made for"
                )
            starts.setdefault(track.id, set()).add(start)
        return [SongChunks(track, tuple(sorted(starts[track.id]))) for track in corpus.tracks if track.id in starts]

    @cached_property
    def _seconds(self) -> dict[tuple[str, NodePath], list[float]]:
        seconds: dict[tuple[str, NodePath], list[float]] = {}
        for chunk in self.chunks:
            seconds.setdefault((chunk.song, chunk.target), []).append(chunk.start)
        return seconds


def list_all(songs: Sequence[SongChunks], chunking: Chunking) -> ChunkList:
    """Make a list of chunks that were selected without targets."""
    chunks = [ListedChunk(song.track.id, start / song.track.sample_rate) for song in songs for start in song.starts]
    return ChunkList(tuple(chunks), chunking.duration, f"chunks every {chunking.hop} s")


def select_chunks(
    corpus: Corpus,
    hierarchy: Hierarchy,
    targets: Sequence[NodePath],
    chunking: Chunking,
    *,
    with_family: bool = False,
    sample: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> ChunkList:
    """Select, for each target, the chunks in which it is salient (poster); the salience index is brought up to date.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    hierarchy : Hierarchy
        Of the corpus.
    targets : sequence of NodePath
        The nodes whose paths will be measured.
    chunking : Chunking
        How songs are cut, and from which loudness on a node is salient.
    with_family : bool
        Only chunks in which another leaf of the target's family is salient too, as in the poster's published code.
        The family is the nearest node above that has other leaves. Without one, the target is equal to its parent.
    sample : int, optional
        How many chunks to draw without repetition, over all targets.
    seed : int
        Of the draw.
    skip_bad : bool
        Leave out songs that cannot be read, with a warning.

    Raises
    ------
    AudioError
        If a song cannot be read and is not skipped.
    SamplingError
        If there is no such chunk.
    HierarchyError
        If there is no such target.
    OptionError
        If `sample` is not positive or `seed` negative.
    CorpusError
        If the salience index cannot be written.
    """
    check_draw(sample, seed)
    for target in targets:
        hierarchy.node(target)
    index = salience_index(corpus, hierarchy, index_file(corpus), chunking, skip_bad=skip_bad)
    for problem in index.problems:
        warnings.warn(f"left out: {problem.message}", AudioWarning, stacklevel=2)
    chunks: list[ListedChunk] = []
    for track in corpus.tracks:
        starts = chunking.starts(track)
        for target in targets:
            flags = index.salient(track.id, target)
            if with_family:
                flags = flags & _family_is_salient(index, track, hierarchy, target)
            chunks += [ListedChunk(track.id, float(start / track.sample_rate), target) for start in starts[flags]]
    rule = f"target salient at {chunking.threshold:g} dBFS"
    rule += ", another leaf of its family too" if with_family else ""
    if not chunks:
        raise SamplingError(f"no chunk of '{corpus.root}' has a {rule}: give other songs, or a lower threshold")
    if sample is not None and sample < len(chunks):
        drawn = np.sort(np.random.default_rng(seed).choice(len(chunks), sample, replace=False))
        chunks = [chunks[number] for number in drawn]
        rule += f", {sample} drawn with seed {seed}"
    return ChunkList(tuple(chunks), chunking.duration, rule)


def _family_is_salient(index: SalienceIndex, track: Track, hierarchy: Hierarchy, target: NodePath) -> NDArray[np.bool_]:
    """``(chunk,)``: whether another leaf of the nearest node above that has other leaves is salient."""
    families = (hierarchy.leaves(above) for above in hierarchy.ancestors(target))
    others = next((found for family in families if (found := [x for x in family if not is_within(x, target)])), [])
    salient = [index.salient(track.id, leaf) for leaf in others]
    return np.logical_or.reduce(salient) if salient else np.zeros(1, bool)


def write_chunks(chunks: ChunkList, file: Path) -> None:
    """Write a list as CSV (song, start, duration, target) below a line with its rule.

    Raises
    ------
    EvaluationError
        If it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as partial, partial.open("w", encoding="utf-8", newline="") as lines:
            lines.write(f"# {chunks.rule}\n")
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows((chunk.song, chunk.start, chunks.duration, chunk.target) for chunk in chunks.chunks)
    except OSError as error:
        raise EvaluationError(write_failure(file, error)) from None


def read_chunks(file: Path) -> ChunkList:
    """Read what `write_chunks` wrote.

    Raises
    ------
    EvaluationError
        If the file cannot be read or is no such list.
    """
    try:
        rule, _, table = file.read_bytes().decode("utf-8").partition("\n")
        rows = list(csv.DictReader(io.StringIO(table, newline="")))
        chunks = [ListedChunk(row["song"], float(row["start"]), row["target"]) for row in rows]
        durations = {float(row["duration"]) for row in rows}
        if (
            len(durations) != 1
            or len({bool(chunk.target) for chunk in chunks}) != 1  # all have a target, or none has
            or not all(chunk.start >= 0 and math.isfinite(chunk.start) for chunk in chunks)
        ):
            raise ValueError
        return ChunkList(tuple(chunks), durations.pop(), rule.rstrip("\r").removeprefix("# "))
    except OSError as error:
        raise EvaluationError(f"cannot read '{file}': {error.strerror}; check the path") from None
    except (ValueError, KeyError, TypeError):
        raise EvaluationError(
            f"'{file}' is no list of chunks: write one with stemtree evaluate --write-chunks"
        ) from None
