"""Separators of other projects as splitters of the mixture, or of a node that another splitter makes."""

from collections.abc import Sequence

import torch

from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, NodePath, Part
from stemtree.masks.conserve import normalise
from stemtree.separation.splitters.base import Block, Splitter, to_model_bins, to_song_bins
from stemtree.separation.splitters.external_packages import ExternalPackage
from stemtree.separation.splitters.stem_map_files import stem_map_of
from stemtree.separation.splitters.stem_maps import StemMap
from stemtree.separation.splitters.stem_parts import SeparatorStems
from stemtree.spectral import Stft
from stemtree.types import Masks, Waveform

_CHANNELS = 2


class ExternalSplitter(Splitter):
    """Splits the mixture by the stems that another separator makes of it (Demucs, Open-Unmix, unblend, pymss).

    Only masks are made of its waveforms: with their transforms S_i, part i gets |S_i|² / Σ |S_j|² of each bin (Wiener
    filter), so that the parts add up to the mixture whatever the separator lost or added. A stem map
    (`stemtree.separation.splitters.stem_maps`) says which nodes a stem is: one; several together, which another
    splitter then divides; or those that no other stem is. A separator of drums, or of voices, hears the node that its
    map says. Bins above those of its sample rate take the mean mask of their frame. Mono counts as two equal channels.

    The separator gets each block with a second of context on both sides, where it hears the mixture. At other sample
    rates it gets the same spectrogram converted to a waveform of its own rate; no signal is resampled.

    Parameters
    ----------
    package : ExternalPackage
        A loaded model.
    stem_map : StemMap, optional
        What its stems are; by default what comes along for it.

    Raises
    ------
    SplitterError
        If the model is not for stereo, if none of its stems is known to be a node, or if two are the same.
    """

    stft = Stft()
    block_frames = 512
    context_frames = 44
    """With the block 14 s, which two segments of HTDemucs cover."""

    def __init__(self, package: ExternalPackage, stem_map: StemMap | None = None) -> None:
        self.package = package
        self._described = f"{package.name}'s model '{package.model}'"
        found = stem_map or stem_map_of(package.name, package.model, package.category, package.sources)
        self._stems = SeparatorStems(self._described, package.sources, found)
        self._numbers: dict[tuple[Part, ...], tuple[tuple[int, ...], ...]] = {}
        if package.channels != _CHANNELS:
            raise SplitterError(f"{self._described} is for {package.channels} channel(s): give a stereo one")

    def outputs(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """The nodes that its stems are, where each is one."""
        parts = self.parts(hierarchy, node)
        return tuple(part[0] for part in parts) if all(len(part) == 1 for part in parts) else ()

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[Part, ...]:
        """See `Splitter.parts`."""
        found = self._stems.at(hierarchy, node)
        if found is None:
            return ()
        self._numbers[found.parts] = found.stems
        return found.parts

    def masks(self, block: Block, node: NodePath, outputs: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`."""
        return self.part_masks([block], node, tuple((output,) for output in outputs))[0]

    def part_masks(self, blocks: Sequence[Block], node: NodePath, parts: tuple[Part, ...]) -> list[Masks]:
        """See `Splitter.part_masks`; `parts` are what `parts` gave."""
        return [self._block_masks(block, self._numbers[parts]) for block in blocks]

    @torch.inference_mode()
    def _block_masks(self, block: Block, numbers: tuple[tuple[int, ...], ...]) -> Masks:
        """Masks of parts that are the sums of stems of these numbers."""
        channels, bins, frames = block.spectrogram.shape
        stft = Stft().at(self.package.sample_rate)
        first = 0 if block.before is None else block.before.shape[-1]
        audio = _to_waveform(block, stft)
        stems = self.package.separate(audio)
        used = [number for of_part in numbers for number in of_part]
        powers = []
        for of_part in numbers:
            waveform = stems[list(of_part)].sum(dim=0) if of_part else audio - stems[used].sum(dim=0)
            spectrogram = stft.analyse(waveform)
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
        made_by = {"name": package.name, "version": f"{package.name} {package.version}", "weights": weights}
        own_map = self._stems.stem_map.description
        return made_by | ({"stems": own_map} if own_map else {})


def _to_waveform(block: Block, stft: Stft) -> Waveform:
    """A block with its context as ``(2, sample)``, by the inverse of a transform at another sample rate."""
    frames = [frames for frames in (block.before, block.spectrogram, block.after) if frames is not None]
    spectrogram = to_model_bins(torch.cat(frames, dim=-1), block.stft, stft)
    # Clamped for the ends, where the windows begin with zero.
    audio = stft.overlap_add(spectrogram)
    audio = audio / stft.envelope(spectrogram.shape[-1], audio.device).clamp_min(1e-8)
    return audio.expand(_CHANNELS, -1)
