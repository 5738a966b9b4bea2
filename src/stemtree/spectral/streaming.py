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
        if self.mask is None:
            return self.spectrogram
        # Complex first, since a product of different types is computed value by value; `mT` as it lies in memory.
        return self.mask.mT.to(self.spectrogram.dtype).mul_(self.spectrogram.mT).mT

    def cut(self, frames: slice) -> "MaskedSpectrogram":
        """Some of the frames."""
        return MaskedSpectrogram(self.spectrogram[..., frames], None if self.mask is None else self.mask[..., frames])


class Synthesis:
    """The inverse of `analyse_stream`: spectrograms in, finished samples out, without gradients.

    Samples are finished when every frame that reaches them has been added. The others, one window less a hop, are kept
    until the next call.
    """

    def __init__(self, stft: Stft) -> None:
        self._stft = stft
        self._waves: Waveform | None = None  # of the stems, what is not finished
        self._envelope: Waveform | None = None  # of the same samples
        self._padding = stft.window // 2  # samples before the signal that are still to come
        self.num_samples = 0
        """How many samples are finished, the padding not counted."""

    @torch.inference_mode()
    def add(self, stems: Sequence[MaskedSpectrogram], frames: int | None = None) -> Iterator[Waveform]:
        """Add the next frames of every stem and yield all samples that are now finished, ``(stem, channel, sample)``.

        The masks are applied here, stem by stem, so that no two products are in memory at a time.

        Parameters
        ----------
        stems : sequence of MaskedSpectrogram
            All of as many frames.
        frames : int, optional
            Transform so many at a time, and yield what they finish: the samples of all stems together take much memory.
            By default all at once.
        """
        count, hop = stems[0].spectrogram.shape[-1], self._stft.hop
        envelope = self._stft.envelope(count, stems[0].spectrogram.device)
        if self._envelope is not None:
            envelope[..., : self._envelope.shape[-1]] += self._envelope
        self._envelope = envelope[..., count * hop :].clone()
        for first in range(0, count, frames or count):
            last = min(count, first + (frames or count))
            waves = self._add([stem.cut(slice(first, last)) for stem in stems])
            yield self._normalise(waves, envelope[..., first * hop : last * hop])

    def _add(self, stems: Sequence[MaskedSpectrogram]) -> Waveform:
        """The samples that these frames finish, not yet divided by the envelope."""
        channels, _, frames = stems[0].spectrogram.shape
        finished, overlap = frames * self._stft.hop, self._stft.window - self._stft.hop
        waves = stems[0].spectrogram.real.new_zeros(len(stems), channels, finished + overlap)
        if self._waves is not None:
            waves[..., :overlap] = self._waves
        for wave, stem in zip(waves, stems, strict=True):
            self._stft.overlap_add(stem.spectrogram, stem.mask, out=wave)
        self._waves = waves[..., finished:].clone()
        return waves[..., :finished]

    @torch.inference_mode()
    def finish(self) -> Waveform:
        """Return the samples after the last finished one; the padding after the signal is among them."""
        if self._waves is None or self._envelope is None:
            raise ValueError("nothing was added")
        return self._normalise(self._waves, self._envelope)

    def _normalise(self, waves: Waveform, envelope: Waveform) -> Waveform:
        """Divide by the envelope, in place, and leave out the padding before the signal."""
        skip = min(self._padding, waves.shape[-1])
        self._padding -= skip
        self.num_samples += waves.shape[-1] - skip
        # The envelope is near zero nowhere but in the padding.
        return waves[..., skip:].div_(envelope[..., skip:].clamp_min(1e-8))
