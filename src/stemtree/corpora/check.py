"""Validation of a copy of a corpus."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.audio import READ_SAMPLES, open_source, read
from stemtree.audio.decibels import to_decibels
from stemtree.audio.decoded import DecodedSource
from stemtree.audio.samples import ExactSamples
from stemtree.cluster import map_tracks
from stemtree.corpora.headers import Header, differences, read_header
from stemtree.corpora.load import hierarchy_of, load_songs
from stemtree.corpora.registry import layout_of
from stemtree.corpora.track import AudioFile, Corpus, Problem, Track
from stemtree.errors import AudioError, CorpusError, counted
from stemtree.hierarchy import Hierarchy

TOLERANCE = -40.0
"""Largest permitted energy of the mixture minus its stems, in dB relative to the mixture."""

_POSITIONS, _SECONDS = (0.2, 0.5, 0.8), 2.0
"""Where a mixture is compared with its stems, as fractions of the song, and for how long each time."""

_HASHED_BYTES = 1 << 18

_CHANNELS = {1: "mono", 2: "stereo"}


def check_corpus(
    root: str | os.PathLike[str],
    kind: str,
    hierarchy: str | Hierarchy | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Corpus:
    """Load a corpus and search it for everything that would impair its use.

    In addition to the problems that loading finds (missing or unreadable files, unequal rates and lengths, unknown
    labels, duplicate songs): files whose last second cannot be decoded; floating-point files that hold NaN or infinity
    anywhere, the only ones that are read whole; mixtures that are missing, that differ from their stems in rate or
    length, or that are not the sum of them, judged on three excerpts of 2 s; songs whose rate or number of channels is
    not that of the others; and songs in different splits that have the same origin or share the audio of a stem.

    Parameters
    ----------
    root, kind, hierarchy
        As for `load_corpus`.
    progress : callable, optional
        Called with the number of songs that have been read, and of all; None as long as that is not known.

    Returns
    -------
    Corpus
        The songs that can be read, all problems, and notes on what is read in another way than it is written.

    Raises
    ------
    OptionError, CorpusError
        If there is no such kind, or no song of it.
    """
    layout, tree = layout_of(kind), hierarchy_of(kind, hierarchy, root)
    checked: list[_CheckedSong] = []
    problems: list[Problem] = []
    notes: list[Problem] = []
    report = progress or (lambda done, total: None)
    loaded: list[Track] = []

    def readable() -> Iterator[tuple[Track, bool]]:
        for number, song in enumerate(load_songs(Path(root), layout, tree), start=1):
            problems.extend(song.problems)
            notes.extend(song.notes)
            if song.track:
                loaded.append(song.track)
                yield song.track, song.track.adds_up and not song.problems
            report(number, None)

    checks = map_tracks(_check_song, readable(), place="threads", name_of=lambda job: job[0].id)
    for number, (_, found) in enumerate(checks, start=1):
        problems += found.problems
        if not any(problem.kind == "unreadable" for problem in found.problems):
            checked.append(found)
        report(number, len(loaded))
    if not checked and not problems:
        raise CorpusError(f"'{root}' holds no songs in the layout '{kind}': check folder and kind")
    tracks = [song.track for song in checked]
    problems += _unlike_others({song.track.id: f"{song.track.sample_rate} Hz" for song in checked}, "sample rate")
    problems += _unlike_others({song.track.id: _CHANNELS.get(song.channels, "") for song in checked}, "channels")
    problems += _shared_between_splits(tracks)
    in_order = tuple(sorted(tracks, key=lambda track: track.id))
    return Corpus(Path(root), kind, tree.name, in_order, tuple(problems), tuple(notes))


@dataclass(frozen=True, slots=True)
class _CheckedSong:
    """A song, the largest number of channels of its stems, and what only decoding shows to be wrong with it."""

    track: Track
    channels: int
    problems: list[Problem]


def _check_song(job: tuple[Track, bool]) -> _CheckedSong:
    return _check_audio(*job)


def _check_audio(track: Track, compare_sum: bool) -> _CheckedSong:
    """Find files that are cut off or hold what is no number, and mixtures that do not match their stems."""
    problems = []
    channels = 0
    for stem in track.stems:
        try:
            shortened = stem.file.num_samples is not None
            header = read_header(stem.file) if shortened else Header(stem.file, track.sample_rate, track.num_samples)
            channels = max(channels, _decode_end(header))
        except AudioError as error:
            problems.append(Problem(track.id, "unreadable", str(error)))
    if track.mixture and not problems:
        problems += _check_mixture(track, track.mixture, compare_sum)
    return _CheckedSong(track, channels, problems)


def _decode_end(header: Header) -> int:
    """Decode the last second, or all of a file of floats; returns the number of channels.

    Raises
    ------
    AudioError
        If the file ends earlier, or holds NaN or infinity.
    """
    file, count = header.file, min(header.num_samples, header.sample_rate)
    start = header.num_samples - count
    source = open_source(file.path, file.stream, thorough=False)
    if source.width == "float":
        for _ in source.blocks(READ_SAMPLES):  # checks all samples
            pass
    elif isinstance(source, DecodedSource):  # seeks with the container's index instead of decoding from the beginning
        # Containers announce whole codec frames and may be off by the encoder's padding, hence half of it.
        if source.excerpt(start, count).shape[1] < count // 2:
            raise AudioError(f"'{file}' is cut off: its last second is not there; get a whole copy")
    else:
        for _ in source.blocks(count, start):
            pass
    return source.channels


def _check_mixture(track: Track, mixture: AudioFile, compare_sum: bool) -> list[Problem]:
    try:
        header = read_header(mixture)
        _decode_end(header)
        stem_header = Header(track.stems[0].file, track.sample_rate, track.num_samples)
        problems = list(differences(track.id, header, stem_header))
        return problems if problems or not compare_sum else _check_sum(track, mixture)
    except OSError:
        return [Problem(track.id, "missing", f"the mixture '{mixture}' is missing: complete the copy")]
    except AudioError as error:
        message = f"the mixture of '{track.id}' cannot be compared: {error}"
        return [Problem(track.id, "unreadable", message)]


def _check_sum(track: Track, mixture: AudioFile) -> list[Problem]:
    """Compare excerpts of the mixture with the sum of the stems."""
    count = min(track.num_samples, int(_SECONDS * track.sample_rate))
    for position in _POSITIONS:
        start = int(position * (track.num_samples - count))
        excerpts = [_excerpt(file, start, count) for file in (mixture, *(stem.file for stem in track.stems))]
        shortest = min(excerpt.shape[1] for excerpt in excerpts)  # codecs pad
        whole, *stems = (excerpt[:, :shortest] for excerpt in excerpts)
        energy, remaining = float(np.sum(whole**2)), float(np.sum((whole - sum(stems)) ** 2))
        if remaining > energy * 10 ** (TOLERANCE / 10) and remaining > 0:
            ratio = to_decibels(remaining / energy, power=True) if energy else np.inf
            message = (
                f"'{mixture}' is not the sum of its stems at {start / track.sample_rate:.1f} s: {ratio:.1f} dB are left"
                "; a stem is missing, doubled or from another version"
            )
            return [Problem(track.id, "sum", message)]
    return []


def _excerpt(file: AudioFile, start: int, count: int) -> ExactSamples:
    return read(file.path, start, count, file.stream)[0]


def _unlike_others(values: Mapping[str, str], kind: str) -> list[Problem]:
    """A problem if songs differ in something: how many have which value, and an example of the rarest."""
    counts = Counter(values.values()).most_common()
    if len(counts) < 2:
        return []
    rarest = counts[-1][0]
    song = next(song for song, value in values.items() if value == rarest)
    found = ", ".join(f"{counted(count, 'is', 'are')} {value}" for value, count in counts)
    message = f"songs differ in their {kind}: {found}, such as '{song}'; resample or leave out what differs"
    return [Problem(song, kind, message)]


def _shared_between_splits(tracks: Iterable[Track]) -> list[Problem]:
    """Songs in different splits that have one origin, or that share the audio of a stem."""
    tracks_by_identity: dict[str, dict[str, Track]] = defaultdict(dict)
    for track in tracks:
        if track.split:
            for identity in _identities(track):
                tracks_by_identity[identity][track.id] = track
    found: dict[tuple[str, ...], Problem] = {}
    for identity, group in tracks_by_identity.items():
        if len({track.split for track in group.values()}) > 1:
            songs = ", ".join(f"{track.id} ({track.split})" for track in group.values())
            message = f"{identity} is in several splits: {songs}; leave all but one split out"
            found.setdefault(tuple(group), Problem(next(iter(group)), "across splits", message))
    return list(found.values())


def _identities(track: Track) -> Iterator[str]:
    """Descriptions that two songs share only if they are the same: the origin, and the size and middle of each file."""
    if track.origin:
        yield f"one origin ({track.origin})"
    for path in dict.fromkeys(stem.file.path for stem in track.stems):
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(size // 2)
            middle = file.read(min(size // 4, _HASHED_BYTES))
        if len(set(middle)) > 1:  # else silence
            yield f"the audio of '{path.name}' ({hashlib.sha256(middle).hexdigest()[:8]}, {size} bytes)"
