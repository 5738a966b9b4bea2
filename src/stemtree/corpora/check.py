"""Whether a copy of a corpus is whole, and what is in it."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath

import numpy as np

from stemtree.audio import read
from stemtree.corpora.load import hierarchy_of, layout_of, read_tracks
from stemtree.corpora.track import AudioFile, Corpus, Problem, Track
from stemtree.errors import AudioError, CorpusError
from stemtree.hierarchy import Hierarchy
from stemtree.types import ExactSamples

TOLERANCE = -40.0
"""What may be left of a mixture once its stems are taken off, in dB relative to the mixture."""

_PLACES, _SECONDS = (0.2, 0.5, 0.8), 2.0


def check_corpus(
    root: str | os.PathLike[str],
    kind: str,
    hierarchy: str | Hierarchy | None = None,
    progress: Callable[[int], None] | None = None,
) -> Corpus:
    """Load a corpus and look for everything that would spoil its use.

    Besides what loading finds (missing or unreadable files, unequal rates and lengths, unknown labels, one song
    twice): mixtures that are not the sum of their stems, judged on three stretches of 2 s, and songs of one origin in
    different splits.

    Parameters
    ----------
    root, kind, hierarchy
        As for `load_corpus`.
    progress : callable, optional
        Told how many songs are done.

    Returns
    -------
    Corpus
        The songs that can be read, and all problems.

    Raises
    ------
    OptionError, CorpusError
        If there is no such kind, or no song of it.
    """
    layout, tree = layout_of(kind), hierarchy_of(kind, hierarchy)
    tracks, problems = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sums = []
        for number, found in enumerate(read_tracks(FilePath(root), layout, tree)):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                tracks.append(found)
                if found.adds_up and found.mixture:
                    sums.append(pool.submit(_check_sum, found, found.mixture))
            if progress:
                progress(number + 1)
        problems += [problem for future in sums if (problem := future.result())]
    if not tracks and not problems:
        raise CorpusError(f"'{root}' holds no songs in the layout '{kind}': check folder and kind")
    problems += _across_splits(tracks)
    return Corpus(FilePath(root), kind, tree.name, tuple(sorted(tracks, key=lambda track: track.id)), tuple(problems))


def _check_sum(track: Track, mixture: AudioFile) -> Problem | None:
    count = min(track.frames, int(_SECONDS * track.sample_rate))
    for place in _PLACES:
        start = int(place * (track.frames - count))
        try:
            whole = _excerpt(mixture, start, count)
            rest = whole - sum(_excerpt(stem.file, start, count) for stem in track.stems)
        except (AudioError, ValueError) as error:
            return Problem(track.id, "unreadable", f"the mixture of '{track.id}' cannot be compared: {error}")
        energy, left = np.sum(whole**2), np.sum(rest**2)
        if left > energy * 10 ** (TOLERANCE / 10) and left > 0:
            level = 10 * np.log10(left / energy) if energy else np.inf
            message = (
                f"'{mixture}' is not the sum of its stems at {start / track.sample_rate:.1f} s: {level:.1f} dB are left"
                "; a stem is missing, doubled or from another version"
            )
            return Problem(track.id, "sum", message)
    return None


def _excerpt(file: AudioFile, start: int, count: int) -> ExactSamples:
    return read(file.path, start, count, file.stream)[0]


def _across_splits(tracks: Iterable[Track]) -> list[Problem]:
    by_origin: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        if track.origin and track.split:
            by_origin[track.origin].append(track)
    found = []
    for origin, group in by_origin.items():
        if len({track.split for track in group}) > 1:
            where = ", ".join(f"{track.id} ({track.split})" for track in group)
            message = f"one origin ({origin}) is in several splits: {where}; leave all but one split out"
            found.append(Problem(group[0].id, "across splits", message))
    return found
