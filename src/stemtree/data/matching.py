"""Which songs fit together: tempo, key and beats of each, for remixes (thesis, 6.2.2)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stemtree.audio import Excerpts
from stemtree.audio.samples import Samples
from stemtree.corpora.fingerprint import track_fingerprint
from stemtree.corpora.song_cache import refresh
from stemtree.corpora.track import Corpus, Track
from stemtree.extras import library

TEMPO_RANGE = (0.88, 1.12)
"""How much a song may be slowed down or sped up to fit another."""
SEMITONES = 2
"""How far a song may be shifted to fit another's key."""

_FORMAT = 1
# How well each pitch class fits a key whose tonic is the first (Krumhansl and Kessler 1982).
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
class Pulse:
    """What a song must have in common with another to be mixed with it.

    Parameters
    ----------
    tempo : float
        Beats per minute; 0 where there are none.
    key : int
        Pitch class from C (0) of the major key that has the song's notes: A minor counts as C.
    beats : ndarray
        Times of the beats in seconds.
    """

    tempo: float
    key: int
    beats: NDArray[np.float32]

    def fit(self, other: "Pulse") -> tuple[float, int] | None:
        """By which tempo factor and how many semitones the other must be changed to fit; None if by too much.

        A beat of one may be two of the other.
        """
        if not self.tempo or not other.tempo:
            return None
        octaves = np.log2(self.tempo / other.tempo)
        factor = float(2 ** (octaves - round(octaves)))
        semitones = (self.key - other.key + 6) % 12 - 6
        fits = TEMPO_RANGE[0] <= factor <= TEMPO_RANGE[1] and abs(semitones) <= SEMITONES
        return (factor, semitones) if fits else None


def pulses(
    corpus: Corpus,
    file: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Pulse]:
    """Read tempo, key and beats of a corpus's songs from a file, measuring what is missing or stale there.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    file : path-like
        Parquet; made where it is missing.
    workers : int, optional
        Threads, by default one for each core.
    progress : callable, optional
        Told how many songs of how many are measured.

    Returns
    -------
    dict of str to Pulse
        By the songs' ids.

    Raises
    ------
    AudioError
        If a stem cannot be read.
    """
    prints = {track.id: track_fingerprint(track, _FORMAT) for track in corpus.tracks}

    def rows(track: Track) -> list[tuple[float, int, list[float]]]:
        found = pulse(_mixture(track), track.sample_rate)
        return [(found.tempo, found.key, found.beats.tolist())]

    table, _ = refresh(Path(file), _SCHEMA, corpus, prints, rows, workers=workers, progress=progress)
    return {
        track: Pulse(tempo, key, np.asarray(beats, np.float32))
        for track, tempo, key, beats in table.select("track", "tempo", "key", "beats").iter_rows()
    }


def pulse(mono: Samples, sample_rate: int) -> Pulse:
    """Estimate tempo, beats and key of ``(sample,)`` audio, by librosa's beat tracker and chromagram.

    Raises
    ------
    OptionError
        If librosa is not installed.
    """
    librosa = library("librosa", "train", "matching songs by tempo and key needs")
    if not mono.any():
        return Pulse(0.0, 0, np.empty(0, np.float32))
    _, beats = librosa.beat.beat_track(y=mono, sr=sample_rate, units="time")
    chroma = librosa.feature.chroma_stft(y=mono, sr=sample_rate).mean(axis=1)
    # The tracker's own tempo lies on a coarse grid.
    tempo = 60 * (len(beats) - 1) / float(beats[-1] - beats[0]) if len(beats) > 1 else 0.0
    return Pulse(tempo, _key(chroma), beats.astype(np.float32))


def _key(chroma: NDArray[np.float64]) -> int:
    """The major key, or the relative major of the minor key, whose profile correlates most."""
    fits = [
        (float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]), (tonic + relative) % 12)
        for tonic in range(12)
        for profile, relative in ((_MAJOR, 0), (_MINOR, 3))
    ]
    return max(fits)[1]


def _mixture(track: Track) -> Samples:
    with Excerpts([stem.file.path for stem in track.stems], [stem.file.stream for stem in track.stems]) as files:
        total = np.zeros(track.num_samples, np.float32)
        for start in range(0, track.num_samples, 60 * track.sample_rate):
            # A codec's last frame may hold more than the container announces.
            for audio in files.read(start, min(60 * track.sample_rate, track.num_samples - start)):
                total[start : start + audio.shape[1]] += audio.mean(axis=0)
    return total
