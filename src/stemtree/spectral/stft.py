"""The short-time Fourier transform and its inverse."""

from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch.nn import functional

from stemtree.accelerate import accelerated_by
from stemtree.errors import OptionError
from stemtree.spectral import kernels
from stemtree.types import Masks, Spectrogram, Waveform


@dataclass(frozen=True, slots=True)
class Stft:
    """A transform with a periodic Hann window on both sides; frame ``t`` is centred on sample ``t * hop``.

    Parameters
    ----------
    window : int
        Length of window and transform in samples, a multiple of `hop`.
    hop : int
        Samples from frame to frame, at most half of `window`.
    sample_rate : int
        In Hz; what `window` and `hop` are meant for.

    Raises
    ------
    OptionError
        If `window` is no multiple of `hop`, twice it or more.
    """

    window: int = 4096
    hop: int = 1024
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        if self.hop < 1 or self.window < 2 * self.hop or self.window % self.hop:
            raise OptionError(
                f"a window of {self.window} samples every {self.hop} cannot be: give a multiple, twice or more"
            )

    def at(self, sample_rate: int) -> "Stft":
        """The same transform in seconds and hertz at another sample rate.

        The hop is rounded to whole samples, which moves bins and frames by at most 0.3 % (near 8 kHz). So a mask meant
        for one rate serves every rate, and no signal is ever resampled.
        """
        hop = round(self.hop * sample_rate / self.sample_rate)
        return replace(self, window=hop * (self.window // self.hop), hop=hop, sample_rate=sample_rate)

    @property
    def proportions(self) -> tuple[Fraction, Fraction]:
        """Window and hop in seconds; transforms with the same ones are one transform of any song, see `at`."""
        return Fraction(self.window, self.sample_rate), Fraction(self.hop, self.sample_rate)

    @property
    def bins(self) -> int:
        """Number of frequency bins, up to the Nyquist frequency."""
        return self.window // 2 + 1

    def analyse(self, padded: Waveform) -> Spectrogram:
        """Transform every window that lies wholly within ``(channel, sample)`` audio."""
        hann = self._hann(padded.device)
        return torch.stft(padded, self.window, self.hop, window=hann, center=False, return_complex=True)

    def transform(self, audio: Waveform) -> Spectrogram:
        """Transform whole signals, ``(..., sample)``, padded with silence on both sides.

        Returns
        -------
        Spectrogram
            ``(..., bin, frame)``. The last frame is centred at or past the end of the audio, so that every sample lies
            in two windows at least.
        """
        half = self.window // 2
        padded = functional.pad(audio, (half, half + -audio.shape[-1] % self.hop)).flatten(0, -2)
        spectrogram = self.analyse(padded)
        return spectrogram.reshape(*audio.shape[:-1], *spectrogram.shape[1:])

    def inverse(self, spectrogram: Spectrogram, num_samples: int) -> Waveform:
        """Undo `transform`: ``(..., bin, frame)`` to ``(..., sample)`` of so many samples."""
        inner = slice(self.window // 2, self.window // 2 + num_samples)
        envelope = self.envelope(spectrogram.shape[-1], spectrogram.device)[..., inner]
        return self.overlap_add(spectrogram)[..., inner] / envelope

    def overlap_add(self, spectrogram: Spectrogram, mask: Masks | None = None, out: Waveform | None = None) -> Waveform:
        """Synthesise windowed frames and add them up, not yet divided by `envelope`; see `overlap_add`."""
        return overlap_add(spectrogram, self._hann(spectrogram.device), self.hop, mask, out)

    def envelope(self, num_frames: int, device: torch.device | None = None) -> Waveform:
        """The sum of the squared windows of so many frames, ``(1, sample)``: the factor that `overlap_add` leaves."""
        blocks = self._hann(device).square().view(-1, 1, self.hop)
        total = blocks.new_zeros(num_frames + len(blocks) - 1, self.hop)
        for step, block in enumerate(blocks):
            total[step : step + num_frames] += block
        return total.view(1, -1)

    def _hann(self, device: torch.device | None = None) -> torch.Tensor:
        return torch.hann_window(self.window, device=device)


@accelerated_by(kernels.overlap_add)
def overlap_add(
    spectrogram: Spectrogram,
    window: torch.Tensor,
    hop: int,
    mask: Masks | None = None,
    out: Waveform | None = None,
) -> Waveform:
    """Transform every frame back, multiply it by the window and add it to the others at its place.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(..., channel, bin, frame)``.
    window : Tensor
        The synthesis window, of the length of the transform.
    hop : int
        Samples from frame to frame.
    mask : Masks, optional
        Of the same shape as the spectrogram, which is multiplied by it.
    out : Waveform, optional
        The frames are added to it, in place. It has the shape of the result; by default it is silence.

    Returns
    -------
    Waveform
        ``(..., channel, sample)``; ``len(window) - hop`` samples longer than frames times hop.
    """
    masked = spectrogram if mask is None else mask * spectrogram
    frames = torch.fft.irfft(masked, n=len(window), dim=-2) * window.unsqueeze(1)
    if out is None:
        out = frames.new_zeros(*frames.shape[:-2], (frames.shape[-1] - 1) * hop + len(window))
    for number, frame in enumerate(frames.unbind(-1)):
        out[..., number * hop : number * hop + len(window)] += frame
    return out
