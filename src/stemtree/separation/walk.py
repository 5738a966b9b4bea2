"""The walk down the tree: one transform of the mixture, masks at every inner node, one inverse transform per leaf."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from stemtree.audio import AudioSource
from stemtree.audio.samples import ExactSamples, Samples
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.processes import allow_forks
from stemtree.separation.plan import Plan, Step
from stemtree.separation.splitters.base import Block
from stemtree.separation.trunk import Trunk
from stemtree.spectral import MaskedSpectrogram, Stft, Synthesis, analyse_stream
from stemtree.types import Masks, Spectrogram, Waveform

_READ = 1 << 16
"""Samples to read at a time."""


@dataclass(frozen=True, slots=True)
class SeparatedBlock:
    """Consecutive samples of a song.

    Parameters
    ----------
    mixture : ExactSamples
        ``(channel, sample)``.
    leaves : Samples
        ``(leaf, channel, sample)`` of the tree's leaves, which add up to the mixture.
    continued : Samples
        ``(node, channel, sample)`` of the nodes that leaves share out, see `Trunk.continued`.
    """

    mixture: ExactSamples
    leaves: Samples
    continued: Samples


def walk(plan: Plan, source: AudioSource) -> Iterator[SeparatedBlock]:
    """Separate a song into the leaves of `Plan.tree`, block by block, in memory that does not depend on its length."""
    allow_forks()
    stft = plan.stft.at(source.sample_rate)
    mixture, synthesis, trunk = _SampleQueue(), Synthesis(stft), plan.trunk
    audio = (torch.from_numpy(mixture.put(block).astype(np.float32)) for block in source.blocks(_READ))
    for block in with_context(analyse_stream(stft, audio, plan.block_frames), stft, plan.context_frames):
        leaves = synthesis.add(split(plan, block))
        if leaves.shape[-1]:
            yield _conserve(trunk, mixture.take(leaves.shape[-1]), leaves)
    last = mixture.take()
    if last.shape[-1]:
        yield _conserve(trunk, last, synthesis.finish()[..., : last.shape[-1]])


@torch.inference_mode()
def split(plan: Plan, mixture: Block) -> list[MaskedSpectrogram]:
    """Walk down the tree for one block: the masks of `Trunk.rows` and the spectrograms that they are masks of (4.7)."""
    nodes = {MIXTURE: MaskedSpectrogram(mixture.spectrogram)}
    kept = {part for parts in plan.parts for part in parts}
    for step in plan.steps:
        parent = nodes[step.node] if step.node in kept else nodes.pop(step.node)
        if step.splitter is None:
            nodes[step.targets[0]] = parent
            continue
        block = mixture if step.node == MIXTURE else Block(parent.product(), mixture.start, mixture.stft)
        masks = step.splitter.masks(block, step.node, step.outputs)
        for target, mask in _sum_by_target(step, masks).items():
            nodes[target] = MaskedSpectrogram(block.spectrogram, mask)
    return [_total([nodes[part] for part in parts]) for parts in plan.parts]


def _total(parts: list[MaskedSpectrogram]) -> MaskedSpectrogram:
    """The sum of what leaves of the walk are, without a product where they are masks of one spectrogram."""
    first = parts[0]
    if len(parts) == 1:
        return first
    masks = [part.mask for part in parts if part.mask is not None and part.spectrogram is first.spectrogram]
    if len(masks) == len(parts):
        return MaskedSpectrogram(first.spectrogram, torch.stack(masks).sum(dim=0))
    return MaskedSpectrogram(torch.stack([part.product() for part in parts]).sum(dim=0))


def _sum_by_target(step: Step, masks: Masks) -> dict[NodePath, Masks]:
    sums: dict[NodePath, Masks] = {}
    for target, mask in zip(step.targets, masks, strict=True):
        sums[target] = sums[target] + mask if target in sums else mask
    return sums


def with_context(spectrograms: Iterable[Spectrogram], stft: Stft, context: int) -> Iterator[Block]:
    """Number consecutive blocks of the mixture and add so many frames on both sides of each; see `Block`."""
    start = 0
    if not context:  # nothing to wait for
        for spectrogram in spectrograms:
            yield Block(spectrogram, start, stft)
            start += spectrogram.shape[-1]
        return
    before, current = None, None
    for following in chain(spectrograms, [None]):
        if current is not None:
            yield Block(current, start, stft, before, None if following is None else following[..., :context])
            start += current.shape[-1]
            before = current[..., -context:].clone()  # a view would keep the whole block
        current = following


def _conserve(trunk: Trunk, mixture: ExactSamples, rows: Waveform) -> SeparatedBlock:
    """Spread the rounding error of the transforms (-130 dB of the mixture) over the leaves, so that they add up."""
    samples, num_leaves = rows.numpy(), len(trunk.rows) - len(trunk.continued)
    if not trunk.continued:
        samples += _missing(mixture, samples)
        return SeparatedBlock(mixture, samples, samples[num_leaves:])
    samples[trunk.leaf_rows] += _missing(mixture, samples[trunk.leaf_rows])
    for node, whole in zip(trunk.continued, samples[num_leaves:], strict=True):
        parts = samples[trunk.rows_beneath(node)]
        parts += _missing(whole, parts)
    return SeparatedBlock(mixture, samples[:num_leaves], samples[num_leaves:])


def _missing(whole: ExactSamples | Samples, parts: Samples) -> Samples:
    """For each of the parts an equal share of what they lack to add up to the whole."""
    share: Samples = ((whole - parts.sum(axis=0, dtype=np.float64)) / len(parts)).astype(np.float32)
    return share


class _SampleQueue:
    """Samples of the mixture that were read and whose leaves are not finished yet."""

    def __init__(self) -> None:
        self._blocks: list[ExactSamples] = []

    def put(self, block: ExactSamples) -> ExactSamples:
        self._blocks.append(block)
        return block

    def take(self, count: int | None = None) -> ExactSamples:
        """The first `count` samples, or all."""
        samples = np.concatenate(self._blocks, axis=-1)
        count = samples.shape[-1] if count is None else count
        self._blocks = [samples[:, count:]]
        return samples[:, :count]
