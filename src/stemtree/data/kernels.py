"""Fast versions of what is simple to state, each beside a plain version that the tests compare it with."""

import itertools
from collections.abc import Collection, Iterable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from stemtree.audio.samples import Samples
from stemtree.corpora.audio import open_stems
from stemtree.corpora.track import Track

MAX_VALUES = 1 << 20
"""Values held at a time by `chunk_powers`, of all stems together and as if stereo: 4 MiB, which fits into a cache."""

StemNumbers = tuple[int, ...]


def chunk_powers(
    track: Track, sums: Collection[StemNumbers], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> dict[StemNumbers, NDArray[np.float64]]:
    """Mean square of sums of stems in every chunk of a song, in bounded memory; see `chunk_powers_plain`.

    Chunks overlap. The song is cut at all their edges, and wherever a piece would be too long, so that every chunk is a
    whole number of pieces and every sample is read and squared once.
    """
    longest = max(1, MAX_VALUES // (2 * len(track.stems)))
    edges = np.unique(np.concatenate([starts, ends, np.arange(starts[0], ends[-1], longest)]))
    energies = {stems: np.zeros(len(edges) - 1) for stems in sums}
    with open_stems(track.stems) as files:
        for first, last in _runs(edges, longest):
            audio = _of_one_length(files.read(int(edges[first]), int(edges[last] - edges[first])))
            for stems, energy in energies.items():
                signal = reduce(np.add, [audio[stem] for stem in stems])
                # Channels are interleaved in memory; the energy is that of both, so they need not be separated.
                values = signal.T.reshape(-1)
                cuts = (edges[first : last + 1] - edges[first]) * len(signal)
                pieces = [values[begin:end] for begin, end in itertools.pairwise(cuts)]
                energy[first:last] = [float(np.dot(piece, piece)) / len(signal) for piece in pieces]
    before_edge = {stems: np.concatenate([[0.0], np.cumsum(energy)]) for stems, energy in energies.items()}
    at_start, at_end = np.searchsorted(edges, starts), np.searchsorted(edges, ends)
    return {
        stems: np.maximum(running[at_end] - running[at_start], 0) / (ends - starts)
        for stems, running in before_edge.items()
    }


def chunk_powers_plain(
    track: Track, sums: Collection[StemNumbers], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> dict[StemNumbers, NDArray[np.float64]]:
    """Mean square of sums of stems in every chunk of a song, chunk by chunk.

    Parameters
    ----------
    track : Track
        The song.
    sums : collection of tuple of int
        Numbers of the stems that are summed.
    starts, ends : ndarray
        ``(chunk,)``: first sample of each chunk, and the one after its last.

    Returns
    -------
    dict
        For each sum ``(chunk,)`` mean squares over samples and channels.
    """
    powers: dict[StemNumbers, list[float]] = {stems: [] for stems in sums}
    with open_stems(track.stems) as files:
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            audio = _of_one_length(files.read(start, end - start))
            for stems in sums:
                signal = sum(audio[stem].astype(np.float64) for stem in stems)
                powers[stems].append(float(np.mean(np.square(signal))))
    return {stems: np.array(values) for stems, values in powers.items()}


def _of_one_length(audio: list[Samples]) -> list[Samples]:
    """Pad with zeros where stems end before others do."""
    longest = max(samples.shape[1] for samples in audio)
    return [
        samples if samples.shape[1] == longest else np.pad(samples, ((0, 0), (0, longest - samples.shape[1])))
        for samples in audio
    ]


def _runs(edges: NDArray[np.int64], longest: int) -> Iterable[tuple[int, int]]:
    """First and last edge of runs of pieces that are together at most `longest` samples; no piece is longer."""
    first = 0
    while first < len(edges) - 1:
        last = max(first + 1, int(np.searchsorted(edges, edges[first] + longest, side="right")) - 1)
        yield first, last
        first = last
