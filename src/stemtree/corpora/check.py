"""Whether a copy of a corpus is whole, and what is in it."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stemtree.audio import open_source, read
from stemtree.audio.read import AvSource
from stemtree.audio.samples import ExactSamples
from stemtree.corpora.load import hierarchy_of, layout_of, probe, read_tracks, unequal
from stemtree.corpora.track import AudioFile, Corpus, Problem, Track
from stemtree.errors import AudioError, CorpusError
from stemtree.hierarchy import Hierarchy

TOLERANCE = -40.0
"""What may be left of a mixture once its stems are taken off, in dB relative to the mixture."""

_PLACES, _SECONDS = (0.2, 0.5, 0.8), 2.0
_MIDDLE = 1 << 18  # bytes


def check_corpus(
    root: str | os.PathLike[str],
    kind: str,
    hierarchy: str | Hierarchy | None = None,
    progress: Callable[[int], None] | None = None,
) -> Corpus:
    """Load a corpus and look for everything that would spoil its use.

    Besides what loading finds (missing or unreadable files, unequal rates and lengths, unknown labels, one song
    twice): files whose last second cannot be decoded, mixtures that are missing, that have another rate or length than
    their stems, or that are not the sum of them, judged on three stretches of 2 s, and songs in different splits that
    have one origin or share the audio of a stem.

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
    layout, tree = layout_of(kind), hierarchy_of(kind, hierarchy, root)
    tracks: list[Track] = []
    problems: list[Problem] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = []
        for number, (track, found) in enumerate(read_tracks(Path(root), layout, tree)):
            problems += found
            if track:
                checks.append((track, pool.submit(_check_song, track, track.adds_up and not found)))
            if progress:
                progress(number + 1)
        for track, check in checks:
            problems += (found := check.result())
            if not any(problem.kind == "unreadable" for problem in found):
                tracks.append(track)
    if not tracks and not problems:
        raise CorpusError(f"'{root}' holds no songs in the layout '{kind}': check folder and kind")
    problems += _across_splits(tracks)
    return Corpus(Path(root), kind, tree.name, tuple(sorted(tracks, key=lambda track: track.id)), tuple(problems))


def _check_song(track: Track, adds_up: bool) -> list[Problem]:
    """What only decoding shows: files that are cut off, and mixtures that do not fit their stems."""
    found = []
    for stem in track.stems:
        try:
            _decode_end(stem.file, track.sample_rate, track.num_samples)
        except AudioError as error:
            found.append(Problem(track.id, "unreadable", str(error)))
    if track.mixture and not found:
        found += _check_mixture(track, track.mixture, adds_up)
    return found


def _decode_end(file: AudioFile, rate: int, num_samples: int) -> None:
    """Decode the last second; raises AudioError where it is not there."""
    count = min(num_samples, rate)
    source = open_source(file.path, file.stream)
    if isinstance(source, AvSource):
        # Containers announce whole codec frames and may be off by the encoder's padding, hence half of it.
        if source.excerpt(num_samples - count, count).shape[1] < count // 2:
            raise AudioError(f"'{file}' is cut off: its last second is not there; get a whole copy")
    else:
        _excerpt(file, num_samples - count, count)


def _check_mixture(track: Track, mixture: AudioFile, adds_up: bool) -> list[Problem]:
    try:
        rate, num_samples = probe(mixture)
        _decode_end(mixture, rate, num_samples)
        first = (track.stems[0].file, track.sample_rate, track.num_samples)
        differs = [Problem(track.id, *found) for found in unequal((mixture, rate, num_samples), first)]
        return differs if differs or not adds_up else _check_sum(track, mixture)
    except OSError:
        return [Problem(track.id, "missing", f"the mixture '{mixture}' is missing: complete the copy")]
    except AudioError as error:
        message = f"the mixture of '{track.id}' cannot be compared: {error}"
        return [Problem(track.id, "unreadable", message)]


def _check_sum(track: Track, mixture: AudioFile) -> list[Problem]:
    count = min(track.num_samples, int(_SECONDS * track.sample_rate))
    for place in _PLACES:
        start = int(place * (track.num_samples - count))
        pieces = [_excerpt(file, start, count) for file in (mixture, *(stem.file for stem in track.stems))]
        shortest = min(piece.shape[1] for piece in pieces)  # codecs pad
        whole = pieces[0][:, :shortest]
        rest = whole - sum(piece[:, :shortest] for piece in pieces[1:])
        energy, left = np.sum(whole**2), np.sum(rest**2)
        if left > energy * 10 ** (TOLERANCE / 10) and left > 0:
            level = 10 * np.log10(left / energy) if energy else np.inf
            message = (
                f"'{mixture}' is not the sum of its stems at {start / track.sample_rate:.1f} s: {level:.1f} dB are left"
                "; a stem is missing, doubled or from another version"
            )
            return [Problem(track.id, "sum", message)]
    return []


def _excerpt(file: AudioFile, start: int, count: int) -> ExactSamples:
    return read(file.path, start, count, file.stream)[0]


def _across_splits(tracks: Iterable[Track]) -> list[Problem]:
    """Songs in different splits that were made from one thing, or that share a file of a stem."""
    holders: dict[str, dict[str, Track]] = defaultdict(dict)
    for track in tracks:
        if track.split:
            for trace in _traces(track):
                holders[trace][track.id] = track
    found: dict[tuple[str, ...], Problem] = {}
    for trace, group in holders.items():
        if len({track.split for track in group.values()}) > 1:
            where = ", ".join(f"{track.id} ({track.split})" for track in group.values())
            message = f"{trace} is in several splits: {where}; leave all but one split out"
            found.setdefault(tuple(group), Problem(next(iter(group)), "across splits", message))
    return list(found.values())


def _traces(track: Track) -> Iterator[str]:
    """What tells that two songs are one: their origin, and files as long as each other with the same middle."""
    if track.origin:
        yield f"one origin ({track.origin})"
    for path in dict.fromkeys(stem.file.path for stem in track.stems):
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(size // 2)
            middle = file.read(min(size // 4, _MIDDLE))
        if len(set(middle)) > 1:  # else silence
            yield f"the audio of '{path.name}' ({hashlib.sha256(middle).hexdigest()[:8]}, {size} bytes)"
