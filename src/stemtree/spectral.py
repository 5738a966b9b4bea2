"""The short-time Fourier transform and its inverse, in bounded memory."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from stemtree.errors import OptionError
from stemtree.types import Features, Masks, Spectrogram, Waveform

FLOOR = -60.0
"""In dB, what features do not fall below. A sine of full scale lies at 48 dB in a window of 1024 samples and higher in
longer ones, so this is inaudible, and digital silence does not stand apart from what is quiet."""

_CACHED = 2**19
"""Samples that each thread transforms at a time: few enough to stay in its cache, and enough to be worth dividing."""


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
    def bins(self) -> int:
        """Number of frequency bins, up to the Nyquist frequency."""
        return self.window // 2 + 1

    def analyse(self, padded: Waveform) -> Spectrogram:
        """Transform every window that lies wholly within ``(channel, sample)`` audio."""
        taper = self._taper().to(padded.device)
        return torch.stft(padded, self.window, self.hop, window=taper, center=False, return_complex=True)

    def transform(self, audio: Waveform) -> Spectrogram:
        """Transform whole signals, ``(..., sample)``, with silence around them.

        Returns
        -------
        Spectrogram
            ``(..., bin, frame)``. The last frame's centre lies at or past the audio's end, so that every sample is in
            two windows at least.
        """
        half = self.window // 2
        padded = functional.pad(audio, (half, half + -audio.shape[-1] % self.hop)).flatten(0, -2)
        spectrogram = self.analyse(padded)
        return spectrogram.reshape(*audio.shape[:-1], *spectrogram.shape[1:])

    def inverse(self, spectrogram: Spectrogram, samples: int) -> Waveform:
        """Undo `transform`: ``(..., bin, frame)`` to ``(..., sample)`` of so many samples."""
        inner = slice(self.window // 2, self.window // 2 + samples)
        envelope = self.envelope(spectrogram.shape[-1])[..., inner].to(spectrogram.device)
        return self.overlap_add(spectrogram)[..., inner] / envelope

    def overlap_add(self, spectrogram: Spectrogram, mask: Masks | None = None, out: Waveform | None = None) -> Waveform:
        """Transform ``(..., channel, bin, frame)`` back and add up the windowed frames, not yet normalised.

        Parameters
        ----------
        spectrogram : Spectrogram
            What comes back.
        mask : Masks, optional
            Of the same shape; it is multiplied by.
        out : Waveform, optional
            What the frames are added to, of the shape that is returned; by default silence.

        Returns
        -------
        Waveform
            ``(..., channel, sample)``; ``window - hop`` samples longer than frames times hop.
        """
        taper, overlap = (self._taper() / self.window).to(spectrogram.device), self.window // self.hop
        rows, shares = spectrogram.mT, None if mask is None else mask.mT
        if out is None:
            out = rows.real.new_zeros(*rows.shape[:-2], (rows.shape[-2] + overlap - 1) * self.hop)
        total = out.view(*out.shape[:-1], -1, self.hop)
        # In stretches that stay in the cache from the mask to the sum.
        stretch = max(1, _CACHED * torch.get_num_threads() // (math.prod(rows.shape[:-2]) * self.window))
        for first in range(0, rows.shape[-2], stretch):
            some = rows[..., first : first + stretch, :]
            if shares is not None:
                some = shares[..., first : first + stretch, :] * some
            frames = torch.fft.irfft(some, n=self.window, norm="forward").mul_(taper).unflatten(-1, (overlap, self.hop))
            for step in range(overlap):
                total[..., first + step : first + step + frames.shape[-3], :] += frames[..., step, :]
        return out

    def envelope(self, frames: int) -> Waveform:
        """What `overlap_add` multiplies ``(1, sample)`` audio of so many frames by."""
        pieces = self._taper().square().view(-1, 1, self.hop)
        total = pieces.new_zeros(frames + len(pieces) - 1, self.hop)
        for step, piece in enumerate(pieces):
            total[step : step + frames] += piece
        return total.view(1, -1)

    def _taper(self) -> torch.Tensor:
        return torch.hann_window(self.window)


def log_magnitude(spectrogram: Spectrogram) -> Features:
    """Magnitudes in decibels, 20 log10 |X|: what networks see.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(..., channel, bin, frame)``.

    Returns
    -------
    Features
        The same shape; nothing is below `FLOOR`.
    """
    power = spectrogram.real.square() + spectrogram.imag.square()
    return power.clamp_min_(10 ** (FLOOR / 10)).log10_().mul_(10)


def salient_bins(features: Features, within: float = 40.0) -> torch.Tensor:
    """Find the bins that make a recording what it is: those nearly as loud as its loudest.

    Parameters
    ----------
    features : Features
        ``(batch, channel, bin, frame)``.
    within : float
        How far in dB a bin may lie below the loudest of its recording.

    Returns
    -------
    Tensor
        The same shape, bool; all False where there is nothing but silence.
    """
    loudest = features.amax(dim=(1, 2, 3), keepdim=True)
    return (features >= loudest - within) & (features > FLOOR)


def analyse_stream(stft: Stft, blocks: Iterable[Waveform], frames: int) -> Iterator[Spectrogram]:
    """Transform a signal of unknown length, given in blocks of any size.

    Parameters
    ----------
    stft : Stft
        At the signal's own rate.
    blocks : iterable of Waveform
        ``(channel, sample)`` each.
    frames : int
        How many frames to yield at a time; only the last spectrogram may have fewer.

    Yields
    ------
    Spectrogram
        ``(channel, bin, frame)``; all together are the transform of the whole signal, padded with half a window of
        silence on both sides.
    """
    span = stft.window + (frames - 1) * stft.hop
    waiting: list[Waveform] = []
    length = 0
    for block in blocks:
        if not waiting:
            waiting, length = [block.new_zeros(block.shape[0], stft.window // 2)], stft.window // 2
        waiting.append(block)
        length += block.shape[-1]
        while length >= span:
            held = torch.cat(waiting, dim=-1)
            yield stft.analyse(held[:, :span])
            waiting, length = [held[:, frames * stft.hop :]], length - frames * stft.hop
    if waiting:
        held = torch.cat([*waiting, waiting[0].new_zeros(waiting[0].shape[0], stft.window // 2)], dim=-1)
        while held.shape[-1] >= stft.window:
            yield stft.analyse(held[:, :span])
            held = held[:, frames * stft.hop :]


class Synthesis:
    """The inverse of `analyse_stream`: spectrograms in, finished samples out, without gradients."""

    def __init__(self, stft: Stft) -> None:
        self._stft = stft
        self._tail: Waveform | None = None
        self._tail_envelope = torch.zeros(1, 0)
        self._skip = stft.window // 2

    @torch.inference_mode()
    def add(self, parts: Sequence[tuple[Spectrogram, Masks | None]]) -> Waveform:
        """Take the next frames of every node and return ``(node, channel, sample)``: all that is now finished.

        Each comes as what it is a part of and its mask, if it is not all of it.
        """
        whole, _ = parts[0]
        overlap = self._stft.window - self._stft.hop
        ready = whole.shape[-1] * self._stft.hop
        waves = whole.real.new_zeros(len(parts), whole.shape[0], ready + overlap)
        envelope = self._stft.envelope(whole.shape[-1])
        if self._tail is not None:
            waves[..., :overlap] = self._tail
            envelope[..., :overlap] += self._tail_envelope
        for wave, (whole, mask) in zip(waves, parts, strict=True):
            self._stft.overlap_add(whole, mask, out=wave)
        self._tail, self._tail_envelope = waves[..., ready:].clone(), envelope[..., ready:]
        return self._finished(waves[..., :ready], envelope[..., :ready])

    @torch.inference_mode()
    def finish(self) -> Waveform:
        """Return what is left after the last frame; its end past the signal's is padding."""
        if self._tail is None:
            raise ValueError("nothing was added")
        return self._finished(self._tail, self._tail_envelope)

    def _finished(self, waves: Waveform, envelope: Waveform) -> Waveform:
        skip = min(self._skip, waves.shape[-1])
        self._skip -= skip
        # Only the silence around the signal is reached by the window's zeros.
        return waves[..., skip:].div_(envelope[..., skip:].clamp_min(1e-8))
