"""Excerpts of stems, and what augmentation does to their audio."""

from dataclasses import dataclass

import numpy as np

from stemtree.audio.samples import Samples


@dataclass(frozen=True, slots=True)
class StemExcerpt:
    """An excerpt of one stem, and how it is augmented.

    Parameters
    ----------
    track, stem : int
        Number of the song in the corpus and of the stem in the song.
    start : int
        First sample.
    gain : float
        Factor.
    swapped : bool
        Whether left and right channel are exchanged.
    pitch : float
        Shift in semitones.
    tempo : float
        Factor; above 1 is faster.
    """

    track: int
    stem: int
    start: int
    gain: float = 1.0
    swapped: bool = False
    pitch: float = 0.0
    tempo: float = 1.0


def apply_augmentation(samples: Samples, excerpt: StemExcerpt, sample_rate: int, num_samples: int) -> Samples:
    """Augment the audio of an excerpt as the excerpt says.

    Parameters
    ----------
    samples : ndarray
        ``(channel, sample)`` float32, as many samples as become `num_samples` at the excerpt's tempo.
    excerpt : StemExcerpt
        Its gain, channel swap, pitch shift and tempo factor are applied.
    sample_rate : int
        In Hz.
    num_samples : int
        Length of the result; it is cut, or padded with zeros.

    Returns
    -------
    ndarray
        ``(channel, num_samples)`` float32.
    """
    if excerpt.swapped:
        samples = samples[::-1]
    if (excerpt.pitch or excerpt.tempo != 1) and samples.size:
        import pedalboard

        samples = pedalboard.time_stretch(np.ascontiguousarray(samples), sample_rate, excerpt.tempo, excerpt.pitch)
    fitted = np.zeros((samples.shape[0], num_samples), np.float32)
    kept = min(num_samples, samples.shape[1])
    np.multiply(samples[:, :kept], np.float32(excerpt.gain), out=fitted[:, :kept])
    return fitted
