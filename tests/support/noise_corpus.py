"""A small corpus of noise on disk."""

from pathlib import Path

import numpy as np
import soundfile

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.salience import Chunking

RATE = 4000
SECONDS = 6
SHORT = Chunking(1, 0.5, -60)


def make_corpus(root: Path, songs: list[list[str]], channels: int = 1) -> Corpus:
    """Songs of noise, each a list of its stems' leaves."""
    tracks = []
    for song, leaves in enumerate(songs):
        stems = []
        for number, leaf in enumerate(leaves):
            file = root / f"{song}" / f"{number}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng((song, number)).uniform(-0.1, 0.1, (SECONDS * RATE, channels))
            soundfile.write(file, noise, RATE, "PCM_16")
            stems.append(Stem(str(number), leaf, leaf, AudioFile(file)))
        tracks.append(Track(str(song), "train", RATE, SECONDS * RATE, tuple(stems)))
    return Corpus(root, "folder", "mine", tuple(tracks))
