"""Tempo, key and beats of songs, and which songs match well enough to be remixed with each other (thesis, 6.2.2)."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemtree.audio.samples import Samples
from stemtree.corpora.audio import open_stems
from stemtree.corpora.fingerprint import track_fingerprint
from stemtree.corpora.song_cache import SongCache, cache_file
from stemtree.corpora.track import Corpus, Track
from stemtree.extras import library

TEMPO_RANGE = (0.88, 1.12)
"""Least and greatest tempo factor by which a song may be stretched to match another."""
MAX_SEMITONES = 2
"""Greatest pitch shift, up or down, to match another song's key."""

_FORMAT = 1
# Key profiles: weights of the pitch classes, the tonic first (Krumhansl and Kessler 1982).
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_SCHEMA = pl.Schema(
    {
        "track": pl.String(),
        "fingerprint": pl.String(),
        "tempo": pl.Float32(),
        "key": pl.Int8(),
        "beats": pl.List(pl.Float32),
    }
)


@dataclass(frozen=True, slots=True)
class Match:
    """How a song must be changed to match another.

    Parameters
    ----------
    tempo : float
        Factor; above 1 is faster.
    semitones : int
        Pitch shift.
    """

    tempo: float
    semitones: int


@dataclass(frozen=True, slots=True)
class RemixFeatures:
    """Tempo, key and beats of a song, which decide what it can be remixed with.

    Parameters
    ----------
    tempo : float
        Beats per minute; 0 where no beats were found.
    key : int
        Pitch class, from C (0), of the major key with the song's notes: A minor counts as C.
    beats : ndarray
        ``(beat,)`` times in seconds.
    """

    tempo: float
    key: int
    beats: NDArray[np.float32]

    def match(self, other: "RemixFeatures") -> Match | None:
        """How the other song must be changed to match this one; None if by more than the limits of this module.

        Tempi match up to a power of two: one beat of a song may be two of the other.
        """
        if not self.tempo or not other.tempo:
            return None
        octaves = np.log2(self.tempo / other.tempo)
        factor = float(2 ** (octaves - round(octaves)))
        semitones = (self.key - other.key + 6) % 12 - 6
        matches = TEMPO_RANGE[0] <= factor <= TEMPO_RANGE[1] and abs(semitones) <= MAX_SEMITONES
        return Match(factor, semitones) if matches else None


def remix_features(
    corpus: Corpus,
    file: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, RemixFeatures]:
    """Read tempo, key and beats of a corpus's songs from a file; songs that it lacks, or that changed, are measured.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    file : path-like
        Parquet; it is created or updated.
    progress : callable, optional
        Called with the numbers of songs measured so far and in total.
    report : callable, optional
        Called before the first song is measured, with a sentence on why that is needed.

    Returns
    -------
    dict of str to RemixFeatures
        By song id.

    Raises
    ------
    AudioError
        If a stem cannot be read.
    """
    fingerprints = {track.id: track_fingerprint(track, _FORMAT) for track in corpus.tracks}

    def rows(track: Track) -> list[tuple[float, int, list[float]]]:
        features = estimate_features(_mono_mixture(track), track.sample_rate)
        return [(features.tempo, features.key, features.beats.tolist())]

    cache = SongCache(Path(file), _SCHEMA)
    with warnings.catch_warnings():  # about songs that are shorter than its windows
        warnings.filterwarnings("ignore", module="librosa")
        table, _ = cache.refresh(corpus, fingerprints, rows, progress=progress, report=report)
    return {
        track: RemixFeatures(tempo, key, np.asarray(beats, np.float32))
        for track, tempo, key, beats in table.select("track", "tempo", "key", "beats").iter_rows()
    }


def features_file(corpus: Corpus) -> Path:
    """The default place of these features; see `stemtree.corpora.song_cache.cache_file`."""
    return cache_file(corpus.root, "pulses.parquet")


def estimate_features(mono: Samples, sample_rate: int) -> RemixFeatures:
    """Estimate tempo, beats and key of ``(sample,)`` audio with librosa's beat tracker and chromagram.

    Raises
    ------
    OptionError
        If librosa is not installed.
    """
    librosa = library("librosa", "train", "matching songs by tempo and key needs")
    if not mono.any():
        return RemixFeatures(0.0, 0, np.empty(0, np.float32))
    _, beats = librosa.beat.beat_track(y=mono, sr=sample_rate, units="time")
    chroma = librosa.feature.chroma_stft(y=mono, sr=sample_rate).mean(axis=1)
    # Not the beat tracker's own tempo, which is quantised coarsely.
    tempo = 60 * (len(beats) - 1) / float(beats[-1] - beats[0]) if len(beats) > 1 else 0.0
    return RemixFeatures(tempo, _key(chroma), beats.astype(np.float32))


def _key(chroma: NDArray[np.float64]) -> int:
    """Major key, or relative major of the minor key, whose profile correlates best with ``(12,)`` chroma."""
    correlations = [
        (float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]), (tonic + relative) % 12)
        for tonic in range(12)
        for profile, relative in ((_MAJOR, 0), (_MINOR, 3))
    ]
    return max(correlations)[1]


def _mono_mixture(track: Track) -> Samples:
    """Sum of a song's stems, channels averaged: ``(sample,)``."""
    block = 60 * track.sample_rate
    with open_stems(track.stems) as files:
        total = np.zeros(track.num_samples, np.float32)
        for start in range(0, track.num_samples, block):
            # A codec's last block may hold more samples than the container announces.
            for audio in files.read(start, min(block, track.num_samples - start)):
                total[start : start + audio.shape[1]] += audio.mean(axis=0)
    return total
