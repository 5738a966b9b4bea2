"""Which chunks of a corpus are looked at."""

import numpy as np

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import Chunking
from stemtree.errors import OptionError


def choose_chunks(
    corpus: Corpus, chunking: Chunking, sample: int | None = None, seed: int = 0
) -> list[tuple[Track, tuple[int, ...]]]:
    """List every song that has a chunk to look at, with the first samples of these chunks, in order.

    Parameters
    ----------
    corpus : Corpus
        The songs.
    chunking : Chunking
        How they are cut.
    sample : int, optional
        Only so many chunks, drawn from all of them without repetition; all, if there are no more.
    seed : int
        Decides which.

    Raises
    ------
    OptionError
        If `sample` is not positive or `seed` negative.
    """
    if sample is not None and sample < 1:
        raise OptionError(f"a sample of {sample} chunks cannot be: give 1 or more")
    if seed < 0:
        raise OptionError(f"the seed {seed} cannot be: give 0 or more")
    starts = [chunking.starts(track) for track in corpus.tracks]
    total = sum(map(len, starts))
    chosen = np.ones(total, bool)
    if sample is not None and sample < total:
        chosen[:] = False
        chosen[np.random.default_rng(seed).choice(total, sample, replace=False)] = True
    ends = np.cumsum([len(of_song) for of_song in starts])
    flags = np.split(chosen, ends[:-1])
    chunks = [
        (track, tuple(of_song[wanted].tolist()))
        for track, of_song, wanted in zip(corpus.tracks, starts, flags, strict=True)
    ]
    return [(track, of_song) for track, of_song in chunks if of_song]
