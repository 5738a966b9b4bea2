"""Fingerprints of songs, by which files made from them are recognised as up to date."""

import hashlib
import json

from stemtree.corpora.track import Corpus, Track


def track_fingerprint(track: Track, *settings: object) -> str:
    """Compute 32 hexadecimal digits: 16 for the stems' files, their sizes and times, 16 for their leaves and settings.

    Two fingerprints that differ in the first 16 digits belong to different audio. If they differ only in the last 16,
    the audio is the same and the hierarchy or the settings differ.

    Parameters
    ----------
    track : Track
        The song.
    *settings : object
        Everything else that the file depends on; must be JSON.
    """
    stems = []
    for stem in track.stems:
        state = stem.file.path.stat()
        stems.append((stem.file.path.name, stem.file.stream, state.st_size, state.st_mtime_ns))
    leaves = [stem.leaf for stem in track.stems]
    return _digest([track.sample_rate, track.num_samples, stems]) + _digest([leaves, *settings])


def corpus_fingerprint(corpus: Corpus) -> str:
    """Compute 16 hexadecimal digits that change with the songs' contents, but not when files are copied."""
    songs = [
        (track.id, track.split, track.sample_rate, track.num_samples, [(stem.name, stem.leaf) for stem in track.stems])
        for track in corpus.tracks
    ]
    return _digest([corpus.hierarchy, songs])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
