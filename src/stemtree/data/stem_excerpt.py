"""Excerpts of stems, and what augmentation does to their audio."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemtree.audio.samples import Samples

LOWEST_BAND = 62.5
"""Hz: the first frequency of an equaliser. Each further one lies an octave higher."""

NUM_BANDS = 9
"""Of an equaliser: up to 16 kHz."""


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
    speed : float
        Factor by which both pitch and tempo rise, as on a tape.
    equaliser : tuple of float
        Gains in dB from `LOWEST_BAND` on, an octave apart; straight between them.
    """

    track: int
    stem: int
    start: int
    gain: float = 1.0
    swapped: bool = False
    pitch: float = 0.0
    tempo: float = 1.0
    speed: float = 1.0
    equaliser: tuple[float, ...] = ()

    def samples_to_read(self, num_samples: int) -> int:
        """How many samples of the stem become `num_samples`."""
        return round(self.samples_on_tape(num_samples) * self.tempo)

    def samples_on_tape(self, num_samples: int) -> int:
        """How many samples become `num_samples` by the speed alone; so many that their Fourier transform is fast."""
        if self.speed == 1:
            return num_samples
        from scipy.fft import next_fast_len

        length: int = next_fast_len(round(num_samples * self.speed), real=True)
        return length


def apply_augmentation(samples: Samples, excerpt: StemExcerpt, sample_rate: int, num_samples: int) -> Samples:
    """Augment the audio of an excerpt as the excerpt says.

    Parameters
    ----------
    samples : ndarray
        ``(channel, sample)`` float32, as many as `StemExcerpt.samples_to_read` says.
    excerpt : StemExcerpt
        Says what is applied.
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
    # Of two stereo samples pedalboard cannot tell the channels.
    if (excerpt.pitch or excerpt.tempo != 1) and samples.shape[1] > 2:
        import pedalboard

        samples = pedalboard.time_stretch(np.ascontiguousarray(samples), sample_rate, excerpt.tempo, excerpt.pitch)
    length = excerpt.samples_on_tape(num_samples)
    fitted = np.zeros((samples.shape[0], length), np.float32)
    kept = min(length, samples.shape[1])
    np.multiply(samples[:, :kept], np.float32(excerpt.gain), out=fitted[:, :kept])
    if not excerpt.equaliser and length == num_samples:
        return fitted
    from scipy.signal import resample

    resampled: Samples = resample(fitted, num_samples, axis=1, window=_equaliser(excerpt.equaliser, sample_rate))
    return resampled


def _equaliser(gains: tuple[float, ...], sample_rate: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Factors by frequency, in cycles per sample."""

    def factors(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
        octaves = np.log2(np.abs(frequencies) * (sample_rate / LOWEST_BAND) + 1e-9)
        return 10 ** (np.interp(octaves, np.arange(len(gains)), gains) / 20)

    return factors if gains else np.ones_like
