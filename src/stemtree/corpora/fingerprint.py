"""Whether songs are still what something was made from."""

import hashlib
import json

from stemtree.corpora.track import Corpus, Track


def track_fingerprint(track: Track, *settings: object) -> str:
    """32 hexadecimal digits: 16 for a song's stems and their files' sizes and times, 16 for their leaves and settings.

    What begins with other digits was made from other files; what only ends in others may be as good, for another tree.

    Parameters
    ----------
    track : Track
        The song.
    *settings : object
        Whatever else what was made depends on; must be JSON.
    """
    stems = []
    for stem in track.stems:
        state = stem.file.path.stat()
        stems.append((stem.file.path.name, stem.file.stream, state.st_size, state.st_mtime_ns))
    leaves = [stem.leaf for stem in track.stems]
    return _digest([track.sample_rate, track.num_samples, stems]) + _digest([leaves, *settings])


def corpus_fingerprint(corpus: Corpus) -> str:
    """16 hexadecimal digits that change with what the songs hold, but not when files are copied."""
    songs = [
        (track.id, track.split, track.sample_rate, track.num_samples, [(stem.name, stem.leaf) for stem in track.stems])
        for track in corpus.tracks
    ]
    return _digest([corpus.hierarchy, songs])


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
