"""Separators of other projects as splitters of the mixture."""

import torch

from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.masks.conserve import normalise
from stemtree.separation.splitters.abilities import NODE_NAMES, mixture_stems
from stemtree.separation.splitters.base import Block, Splitter, to_model_bins, to_song_bins
from stemtree.separation.splitters.external_packages import ExternalPackage
from stemtree.spectral import Stft
from stemtree.types import Masks, Waveform

_CHANNELS = 2


class ExternalSplitter(Splitter):
    """Splits the mixture by the stems that another separator makes of it (Demucs, Open-Unmix, unblend).

    Only masks are made of its waveforms: with their transforms S_i, node i gets |S_i|² / Σ |S_j|² of each bin (Wiener
    filter), so that the nodes add up to the mixture whatever the separator lost or added. Stems other than vocals,
    drums and bass (guitar, piano) are added to other; without drums and bass, everything but the vocals is the
    accompaniment. Bins above those of its sample rate take the mean mask of their frame. Mono counts as two equal
    channels.

    The separator gets each block with a second of context on both sides. At other sample rates it gets the same
    spectrogram converted to a waveform of its own rate; no signal is resampled.

    Parameters
    ----------
    package : ExternalPackage
        A loaded model.

    Raises
    ------
    SplitterError
        If the model does not separate stereo songs into vocals and something else.
    """

    stft = Stft()
    block_frames = 512
    context_frames = 44
    """With the block 14 s, which two segments of HTDemucs cover."""

    def __init__(self, package: ExternalPackage) -> None:
        self.package = package
        # the node that each stem belongs to
        self._nodes = tuple(source if source in ("vocals", "drums", "bass") else "other" for source in package.sources)
        if "vocals" not in self._nodes or len(set(self._nodes)) < 2:
            raise SplitterError(
                f"the model '{package.model}' of {package.name} separates {', '.join(package.sources)}: give one that "
                "separates vocals from the rest"
            )
        if package.channels != _CHANNELS:
            raise SplitterError(
                f"the model '{package.model}' of {package.name} is for {package.channels} channel(s): give a stereo one"
            )

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """Nodes named like the stems, or vocals and accompaniment, if they are all of the mixture."""
        return mixture_stems(self._nodes, hierarchy, node)

    @torch.inference_mode()
    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`."""
        channels, bins, frames = block.spectrogram.shape
        stft = Stft().at(self.package.sample_rate)
        first = 0 if block.before is None else block.before.shape[-1]
        stems = self.package.separate(_to_waveform(block, stft))
        powers = []
        for output in outputs:
            spectrogram = stft.analyse(stems[self._stem_numbers(output)].sum(dim=0))
            power = spectrogram[..., first : first + frames].abs().square_()
            powers.append(power if channels == _CHANNELS else power.mean(dim=0, keepdim=True))
        return to_song_bins(normalise(torch.stack(powers)), bins)

    def to(self, device: torch.device) -> None:
        """See `Splitter.to`."""
        self.package.to(device)
        self.device = device

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        package = self.package
        weights = [{"model": package.model, "sha256": package.digest}]
        return {"name": package.name, "version": f"{package.name} {package.version}", "weights": weights}

    def _stem_numbers(self, output: NodePath) -> list[int]:
        """Which of the separator's stems an output is the sum of."""
        name = output.rpartition("/")[2]
        if name in NODE_NAMES["accompaniment"]:
            return [number for number, node in enumerate(self._nodes) if node != "vocals"]
        return [number for number, node in enumerate(self._nodes) if name in NODE_NAMES[node]]


def _to_waveform(block: Block, stft: Stft) -> Waveform:
    """A block with its context as ``(2, sample)``, by the inverse of a transform at another sample rate."""
    frames = [frames for frames in (block.before, block.spectrogram, block.after) if frames is not None]
    spectrogram = to_model_bins(torch.cat(frames, dim=-1), block.stft, stft)
    # Clamped for the ends, where the windows begin with zero.
    audio = stft.overlap_add(spectrogram)
    audio = audio / stft.envelope(spectrogram.shape[-1], audio.device).clamp_min(1e-8)
    return audio.expand(_CHANNELS, -1)
