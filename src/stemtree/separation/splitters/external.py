"""Separators that are installed beside this package, as splitters of the mixture."""

from collections.abc import Sequence

import torch

from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.masks.conserve import normalise
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.bin_ranges import as_known, to_bins
from stemtree.separation.splitters.external_packages import Package
from stemtree.spectral import Stft
from stemtree.types import Masks, Waveform

_NODES = {
    "vocals": ("vocals", "vocal"),
    "drums": ("drums", "percussion"),
    "bass": ("bass",),
    "other": ("other",),
    "accompaniment": ("accompaniment",),
}
"""What the nodes are called that stems in the tradition of MUSDB18 belong to."""

_CHANNELS = 2


class Installed:
    """Splits the mixture by the stems that another separator makes of it (Demucs, Open-Unmix, unblend).

    Its waveforms are not used themselves. They are transformed, and in each bin every node gets the share |S_i|² / Σ
    |S_j|² of the parent (Wiener's filter), so that the children add up to it whatever the separator lost or added. Of a
    model with more stems than vocals, drums, bass and other (guitar, piano), the additional ones count as other; of one
    without drums and bass, everything but the vocals is the accompaniment. Bins above those that it hears take the mean
    mask of their frame. Mono counts as two equal channels.

    The separator hears each block with a second of what lies before and after it. At other sample rates it hears the
    same spectrogram turned into a waveform of its own rate; no stem is ever resampled.

    Parameters
    ----------
    package : Package
        Of `stemtree.separation.splitters.external_packages`, with its weights.

    Raises
    ------
    SplitterError
        If its model does not separate stereo songs into vocals and something else.
    """

    stft = Stft()
    block_frames = 512
    context_frames = 44
    """With a block 14 s, which two segments of HTDemucs cover."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self._kinds = tuple(source if source in ("vocals", "drums", "bass") else "other" for source in package.sources)
        if "vocals" not in self._kinds or len(set(self._kinds)) < 2:
            raise SplitterError(
                f"the model '{package.model}' of {package.name} separates {', '.join(package.sources)}: give one that "
                "separates vocals from the rest"
            )
        if package.channels != _CHANNELS:
            raise SplitterError(
                f"the model '{package.model}' of {package.name} is for {package.channels} channel(s): give a stereo one"
            )

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """Nodes of the stems' names that are all of the mixture, or vocals and accompaniment."""
        if hierarchy.leaves(node) != hierarchy.leaves():  # neither the mixture nor an only child of it
            return ()
        for names in (tuple(dict.fromkeys(self._kinds)), ("vocals", "accompaniment")):
            found = [path for name in names for path in _named(hierarchy, node, name)]
            leaves = [leaf for path in found for leaf in hierarchy.leaves(path)]
            if len(found) == len(names) and sorted(leaves) == sorted(hierarchy.leaves(node)):
                return tuple(found)
        return ()

    @torch.inference_mode()
    def masks(self, block: Block, node: NodePath, parts: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`."""
        channels, bins, frames = block.spectrogram.shape
        stft = Stft().at(self.package.sample_rate)
        first = 0 if block.before is None else block.before.shape[-1]
        stems = self.package.separate(_waveform(block, stft))
        powers = []
        for part in parts:
            power = stft.analyse(stems[self._numbers(part)].sum(dim=0))[..., first : first + frames].abs().square_()
            powers.append(power if channels == _CHANNELS else power.mean(dim=0, keepdim=True))
        return to_bins(normalise(torch.stack(powers)), bins)

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`."""
        package = self.package
        weights = [{"model": package.model, "sha256": package.digest}]
        return {"name": package.name, "version": f"{package.name} {package.version}", "weights": weights}

    def _numbers(self, part: NodePath) -> list[int]:
        """Which of the separator's stems a part is the sum of."""
        name = part.rpartition("/")[2]
        whole = name in _NODES["accompaniment"]
        return [k for k, kind in enumerate(self._kinds) if name in _NODES[kind] or (whole and kind != "vocals")]


def _named(hierarchy: Hierarchy, node: NodePath, name: str) -> Sequence[NodePath]:
    """The highest node beneath another that goes by one of a stem's names."""
    found = [path for path in hierarchy.descendants(node) if path.rpartition("/")[2] in _NODES[name]]
    return sorted(found, key=lambda path: path.count("/"))[:1]


def _waveform(block: Block, stft: Stft) -> Waveform:
    """A block and what lies around it as ``(2, sample)`` at the rate of another transform of equal frames."""
    around = (block.before, block.spectrogram, block.after)
    spectrogram = torch.cat([frames for frames in around if frames is not None], dim=-1)
    heard = as_known(spectrogram, block.stft, stft)
    # At the ends, where windows begin from zero, there is nothing to divide.
    audio = stft.overlap_add(heard) / stft.envelope(heard.shape[-1]).clamp_min(1e-8)
    return audio.expand(_CHANNELS, -1)
