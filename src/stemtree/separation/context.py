"""Blocks with what lies around them."""

from collections.abc import Iterable, Iterator

from stemtree.separation.splitter import Block
from stemtree.spectral import Stft
from stemtree.types import Spectrogram


def with_context(spectrograms: Iterable[Spectrogram], stft: Stft, context: int) -> Iterator[Block]:
    """Number consecutive blocks of the mixture and show each the frames on both sides of it.

    Parameters
    ----------
    spectrograms : iterable of Spectrogram
        ``(channel, bin, frame)`` each.
    stft : Stft
        How they were made.
    context : int
        How many frames to show. With any, a block comes when the next one is known.

    Yields
    ------
    Block
        One for each spectrogram; at the song's ends there are fewer frames to show, or none.
    """
    start, before, waiting = 0, None, None
    for spectrogram in spectrograms:
        if waiting is not None:
            yield Block(waiting, start, stft, before, spectrogram[..., :context])
            start += waiting.shape[-1]
            before = waiting[..., max(0, waiting.shape[-1] - context) :].clone()  # or it would keep the whole block
        if context:
            waiting = spectrogram
        else:
            yield Block(spectrogram, start, stft)
            start += spectrogram.shape[-1]
    if waiting is not None:
        yield Block(waiting, start, stft, before)
