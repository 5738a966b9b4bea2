"""Which chunks of a corpus are measured."""

from dataclasses import dataclass

import numpy as np

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import Chunking
from stemtree.errors import OptionError


@dataclass(frozen=True, slots=True)
class SongChunks:
    """A song and the first samples of its selected chunks, in order."""

    track: Track
    starts: tuple[int, ...]


def choose_chunks(corpus: Corpus, chunking: Chunking, sample: int | None = None, seed: int = 0) -> list[SongChunks]:
    """Select all chunks of a corpus, or a random sample of them.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    chunking : Chunking
        How songs are cut.
    sample : int, optional
        How many chunks to draw without repetition; all of them if there are no more.
    seed : int
        Of the draw.

    Returns
    -------
    list of SongChunks
        The songs that have a selected chunk, in the order of the corpus.

    Raises
    ------
    OptionError
        If `sample` is not positive or `seed` negative.
    """
    check_draw(sample, seed)
    starts = [chunking.starts(track) for track in corpus.tracks]
    total = sum(map(len, starts))
    selected = np.ones(total, bool)
    if sample is not None and sample < total:
        selected[:] = False
        selected[np.random.default_rng(seed).choice(total, sample, replace=False)] = True
    ends = np.cumsum([len(of_song) for of_song in starts])
    songs = [
        SongChunks(track, tuple(of_song[flags].tolist()))
        for track, of_song, flags in zip(corpus.tracks, starts, np.split(selected, ends[:-1]), strict=True)
    ]
    return [song for song in songs if song.starts]


def check_draw(sample: int | None, seed: int) -> None:
    """Raise OptionError unless so many chunks can be drawn with this seed."""
    if sample is not None and sample < 1:
        raise OptionError(f"a sample of {sample} chunks cannot be: give 1 or more")
    if seed < 0:
        raise OptionError(f"the seed {seed} cannot be: give 0 or more")
