"""The transform and its inverse of signals of any length, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from stemtree.spectral.stft import Stft
from stemtree.types import Masks, Spectrogram, Waveform


def analyse_stream(stft: Stft, blocks: Iterable[Waveform], frames: int) -> Iterator[Spectrogram]:
    """Transform a signal of unknown length that comes in blocks of any size.

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
    waiting: Waveform | None = None
    for block in blocks:
        silence = block.new_zeros(block.shape[0], stft.window // 2)
        waiting = torch.cat([silence if waiting is None else waiting, block], dim=-1)
        while waiting.shape[-1] >= span:
            yield stft.analyse(waiting[:, :span])
            waiting = waiting[:, frames * stft.hop :]
    if waiting is not None:
        waiting = torch.cat([waiting, silence], dim=-1)
        while waiting.shape[-1] >= stft.window:
            yield stft.analyse(waiting[:, :span])
            waiting = waiting[:, frames * stft.hop :]


@dataclass(frozen=True, slots=True)
class MaskedSpectrogram:
    """A spectrogram and a mask that it is yet to be multiplied by.

    Parameters
    ----------
    spectrogram : Spectrogram
        ``(channel, bin, frame)``.
    mask : Masks, optional
        Of the same shape; None is a mask of ones.
    """

    spectrogram: Spectrogram
    mask: Masks | None = None

    def product(self) -> Spectrogram:
        """The spectrogram times the mask."""
        return self.spectrogram if self.mask is None else self.mask * self.spectrogram


class Synthesis:
    """The inverse of `analyse_stream`: spectrograms in, finished samples out, without gradients.

    Samples are finished when every frame that reaches them has been added. The others, one window less a hop, are kept
    until the next call.
    """

    def __init__(self, stft: Stft) -> None:
        self._stft = stft
        self._tail: tuple[Waveform, Waveform] | None = None  # of the stems, and of the envelope
        self._padding = stft.window // 2  # samples before the signal that are still to come

    @torch.inference_mode()
    def add(self, stems: Sequence[MaskedSpectrogram]) -> Waveform:
        """Add the next frames of every stem and return all samples that are now finished, ``(stem, channel, sample)``.

        The masks are applied here, stem by stem, so that no two products are in memory at a time.
        """
        channels, _, frames = stems[0].spectrogram.shape
        finished, overlap = frames * self._stft.hop, self._stft.window - self._stft.hop
        waves = stems[0].spectrogram.real.new_zeros(len(stems), channels, finished + overlap)
        envelope = self._stft.envelope(frames, waves.device)
        if self._tail is not None:
            waves[..., :overlap] = self._tail[0]
            envelope[..., :overlap] += self._tail[1]
        for wave, stem in zip(waves, stems, strict=True):
            self._stft.overlap_add(stem.spectrogram, stem.mask, out=wave)
        self._tail = waves[..., finished:].clone(), envelope[..., finished:]
        return self._normalise(waves[..., :finished], envelope[..., :finished])

    @torch.inference_mode()
    def finish(self) -> Waveform:
        """Return the samples after the last finished one; the padding after the signal is among them."""
        if self._tail is None:
            raise ValueError("nothing was added")
        return self._normalise(*self._tail)

    def _normalise(self, waves: Waveform, envelope: Waveform) -> Waveform:
        """Divide by the envelope, in place, and leave out the padding before the signal."""
        skip = min(self._padding, waves.shape[-1])
        self._padding -= skip
        # The envelope is near zero nowhere but in the padding.
        return waves[..., skip:].div_(envelope[..., skip:].clamp_min(1e-8))
