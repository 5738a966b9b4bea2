"""Samples of every node from those of the leaves, as floats or as integers that still add up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stemtree.audio.samples import ExactSamples, PcmSamples, Samples, total_of
from stemtree.errors import AudioError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath
from stemtree.separation.output.layout import Remainder, Stem
from stemtree.separation.trunk import Trunk

Bound = PcmSamples | int
"""A limit for every sample, or one for all."""

_SUM_LIMITS = (-64, 64)
"""Where running sums are clipped: far beyond what leaves reach, and within 32 bits at every width."""


@dataclass(frozen=True, slots=True)
class NodeSamples:
    """A stretch of audio of every node.

    Parameters
    ----------
    nodes : mapping of NodePath to array
        For every node under the mixture ``(channel, sample)``: floats, or integers of the output's width.
    held : dict of NodePath to int
        For each node, and for the mixture, how many values were held at full scale or took a sibling's difference.
    """

    nodes: Mapping[NodePath, Samples | PcmSamples]
    held: dict[NodePath, int]


class NodeSums:
    """Sums leaves into nodes and rounds them so that they add up to the rounded mixture exactly.

    Instead of each leaf the running sums over the leaves are rounded, and their differences are the leaves. Then the
    samples of any node, the difference of two running sums, are off by at most one step of the width, and the last
    running sum is the mixture. (At 24 bits the 32-bit leaves themselves miss the mixture by a few steps, which are
    spread over the leaves.) Where a node would exceed full scale it is held there and its siblings take the difference.

    Parameters
    ----------
    tree : Hierarchy
        The nodes.
    bits : int or None
        Width of the integers; None for floats.
    below : mapping of NodePath to tuple of NodePath, optional
        The children of every node of a tree that may go deeper than `tree`, parents first: of the samples that are
        given to `sum_leaves`.

    Attributes
    ----------
    scale : float
        What full scale, 1.0, is in the output.
    """

    def __init__(
        self, tree: Hierarchy, bits: int | None, below: Mapping[NodePath, tuple[NodePath, ...]] | None = None
    ) -> None:
        self.tree, self.bits = tree, bits
        self._below = below or {path: tree.children(path) for path in (MIXTURE, *tree.paths)}
        self.scale = 2.0 ** (bits - 1) if bits else 1.0
        self._lowest, self._highest = -int(self.scale), int(self.scale) - 1
        self._trunk = Trunk(tree)
        self._rows = {path: self._trunk.rows_beneath(path) for path in tree.paths}

    def sum_leaves(
        self,
        mixture: ExactSamples,
        leaves: Samples,
        continued: Sequence[Samples] | Samples = (),
        given: Mapping[NodePath, PcmSamples] | None = None,
    ) -> NodeSamples:
        """Sum one stretch of audio.

        Parameters
        ----------
        mixture : ExactSamples
            ``(channel, sample)``.
        leaves : Samples
            ``(leaf, channel, sample)``, which add up to the mixture.
        continued : Samples
            ``(node, channel, sample)`` of `Trunk.continued`, which some of the leaves add up to.
        given : mapping of NodePath to PcmSamples, optional
            Integers ``(channel, sample)`` of some nodes, of an earlier run: these nodes keep them, and the others
            take the difference, mostly a step or none, so that all add up.

        Returns
        -------
        NodeSamples
            Where integers are wanted and the mixture itself exceeds full scale, the last leaf takes the difference.

        Raises
        ------
        AudioError
            If there are no such integers, which means that those that are given are not what was written.
        """
        if self.bits is None:
            floats = {path: leaves[rows].sum(axis=0) for path, rows in self._rows.items()}
            if self._trunk.continued:
                floats |= self._sum_trunk(leaves, continued)
            return NodeSamples(floats, dict.fromkeys((MIXTURE, *floats), 0))
        mixture_steps = self.steps(mixture)
        sums = self._rounded_sums(mixture, leaves, continued)
        sums[-1] = mixture_steps
        nodes = {path: sums[rows.stop] - sums[rows.start] for path, rows in self._rows.items()}
        held = {
            MIXTURE: int(np.count_nonzero(np.rint(mixture * self.scale) != mixture_steps)),
            **dict.fromkeys(nodes, 0),
        }
        if any(node.min() < self._lowest or node.max() > self._highest for node in nodes.values()):
            limited = self._within(mixture_steps, nodes, {}, {})
            held |= {path: int(np.count_nonzero(limited[path] != nodes[path])) for path in nodes}
            nodes = limited
        if given:
            nodes = self._within(mixture_steps, nodes, *self._bounds(given))
        return NodeSamples(nodes, held)

    def steps(self, mixture: ExactSamples) -> PcmSamples:
        """The mixture as integers, which all nodes under it add up to; held at full scale."""
        return np.clip(np.rint(mixture * self.scale), self._lowest, self._highest).astype(np.int32)

    def of_stem(self, mixture: ExactSamples, samples: NodeSamples, stem: Stem) -> tuple[Samples | PcmSamples, int]:
        """The samples of a node, a sum or a remainder, and how many of its values were held at full scale."""
        if isinstance(stem, str):
            return samples.nodes[stem], samples.held[stem]
        total = sum(samples.nodes[path] for path in stem.nodes)
        if self.bits is None:
            floats: Samples = np.asarray(mixture - total if isinstance(stem, Remainder) else total, np.float32)
            return floats, 0
        exact = self.steps(mixture) - total if isinstance(stem, Remainder) else np.asarray(total)
        held: PcmSamples = np.clip(exact, self._lowest, self._highest)
        return held, int(np.count_nonzero(held != exact))

    def _sum_trunk(self, leaves: Samples, continued: Sequence[Samples] | Samples) -> dict[NodePath, Samples]:
        """The nodes of the trunk as sums of its leaves, in the order of a tree that goes no deeper."""
        cut, rows = Trunk(self._trunk.cut), np.stack(self._trunk_leaves(leaves, continued))
        return {path: rows[cut.rows_beneath(path)].sum(axis=0) for path in cut.tree.paths}

    def _trunk_leaves(self, leaves: Samples, continued: Sequence[Samples] | Samples) -> list[Samples]:
        rows = [*leaves, *continued]
        return [rows[row] for row in self._trunk.leaf_rows]

    def _rounded_sums(
        self, mixture: ExactSamples, leaves: Samples, continued: Sequence[Samples] | Samples
    ) -> PcmSamples:
        """Rounded sums of the first 0, 1, 2, … leaves, ``(leaf + 1, channel, sample)``; the last is left out (0)."""
        steps = np.zeros((len(leaves) + 1, *mixture.shape), np.int32)
        for row, total in zip(steps[1:-1], self._running_sums(mixture, leaves, continued), strict=True):
            scaled = np.clip(total, *_SUM_LIMITS)
            scaled *= self.scale
            row[:] = np.rint(scaled, out=scaled)
        return steps

    def _running_sums(
        self, mixture: ExactSamples, leaves: Samples, continued: Sequence[Samples] | Samples
    ) -> Iterator[ExactSamples]:
        """Sums of the first 1, 2, … leaves but of all; one at a time, so that it stays in the processor's cache.

        Where leaves share out a continued node, its own samples count, and the leaves divide what lies between the sum
        without it and the sum with it.
        """
        trunk = self._trunk_leaves(leaves, continued)
        fine = bool(self.bits and self.bits > 16)  # floats of 32 bits are no finer
        error = (mixture - total_of(trunk)) / len(trunk) if fine else np.zeros(())
        before, total = np.zeros(()), np.zeros(mixture.shape)
        for number, (leaf, samples) in enumerate(zip(self._trunk.cut.leaves(), trunk, strict=True), start=1):
            inner = np.zeros(mixture.shape)
            for below in leaves[self._rows[leaf]][:-1]:
                inner += below
                yield before + inner
            total += samples
            before = total + error * number if fine else total
            if number < len(trunk):
                yield before

    def _bounds(self, given: Mapping[NodePath, PcmSamples]) -> tuple[dict[NodePath, Bound], dict[NodePath, Bound]]:
        """The least and the largest value of each node for which what lies beneath it can have what is given.

        Nodes that may have any value are left out.
        """
        low: dict[NodePath, Bound] = {}
        high: dict[NodePath, Bound] = {}
        for path in reversed([*self._below]):
            children = self._below[path]
            if path in given:
                low[path] = high[path] = given[path]
            elif any(child in low for child in children):
                least = sum(low.get(child, self._lowest) for child in children)
                most = sum(high.get(child, self._highest) for child in children)
                low[path], high[path] = np.maximum(least, self._lowest), np.minimum(most, self._highest)
        return low, high

    def _within(
        self,
        mixture: PcmSamples,
        nodes: Mapping[NodePath, PcmSamples],
        low: Mapping[NodePath, Bound],
        high: Mapping[NodePath, Bound],
    ) -> dict[NodePath, PcmSamples]:
        """Bring all nodes within bounds, or else full scale, from the top down, keeping every sum of children."""
        within = {MIXTURE: mixture}
        for parent in (MIXTURE, *self.tree.paths):
            children = self.tree.children(parent)
            bounds = {child: (low.get(child, self._lowest), high.get(child, self._highest)) for child in children}
            for child in children:
                within[child] = np.clip(nodes[child], *bounds[child])
            missing = within[parent] - sum(within[child] for child in children) if children else 0
            for child in children:
                least, most = bounds[child]
                taken = np.clip(missing, least - within[child], most - within[child])
                within[child] = within[child] + taken
                missing = missing - taken
            if np.any(missing):
                raise AudioError(
                    "the stems that are there do not add up any more, one was changed: delete them, or give another "
                    "folder"
                )
        del within[MIXTURE]
        return within
