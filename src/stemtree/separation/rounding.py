"""From the leaves' samples to every node's, as floats or as integers that still add up."""

from __future__ import annotations  # the aliases of tensors are names, not classes

import numpy as np

from stemtree.hierarchy import MIXTURE, Hierarchy
from stemtree.types import ExactSamples, Path, PcmSamples, Samples


class TreeSamples:
    """Sums leaves into nodes, and rounds them so that they sum to the rounded mixture exactly.

    Rounding the running sum over the leaves, instead of each leaf, and taking differences telescopes: the leaves under
    any node, and so its own samples, are off by at most one step, and the last running sum is the mixture. Where a
    node would leave the range of the width it is held at full scale and its siblings take the difference.

    Parameters
    ----------
    tree : Hierarchy
        Its leaves are the rows of what comes in.
    bits : int or None
        Width of the integers; None for floats.
    """

    def __init__(self, tree: Hierarchy, bits: int | None) -> None:
        self.tree, self.bits = tree, bits
        self.scale = 2.0 ** (bits - 1) if bits else 1.0
        self._low, self._high = -int(self.scale), int(self.scale) - 1
        rows = {leaf: row for row, leaf in enumerate(tree.leaves())}
        # The leaves under a node are neighbours.
        self._spans = {path: slice(rows[tree.leaves(path)[0]], rows[tree.leaves(path)[-1]] + 1) for path in tree.paths}

    def __call__(
        self, mixture: ExactSamples, leaves: Samples
    ) -> tuple[dict[Path, Samples | PcmSamples], dict[Path, int]]:
        """Sum one stretch of audio, and round it where integers are asked for.

        Parameters
        ----------
        mixture : ExactSamples
            ``(channel, sample)``.
        leaves : Samples
            ``(leaf, channel, sample)``, summing to it.

        Returns
        -------
        nodes : dict
            For every node under the mixture ``(channel, sample)``: floats, or whole steps of the width.
        held : dict
            For each, how many values were held at full scale or took a sibling's difference.
        """
        if self.bits is None:
            return {path: leaves[span].sum(axis=0) for path, span in self._spans.items()}, dict.fromkeys(self._spans, 0)
        whole = np.clip(np.rint(mixture * self.scale), self._low, self._high)
        running = np.rint(np.cumsum(leaves * self.scale, axis=0, dtype=np.float64))
        running[-1] = whole
        steps = np.diff(running, axis=0, prepend=0).astype(np.int64)
        nodes = {path: steps[span].sum(axis=0) for path, span in self._spans.items()}
        held = dict.fromkeys(nodes, 0)
        if any(node.min() < self._low or node.max() > self._high for node in nodes.values()):
            nodes[MIXTURE] = whole.astype(np.int64)
            held = self._hold(nodes)
            del nodes[MIXTURE]
        return {path: node.astype(np.int32) for path, node in nodes.items()}, held

    def _hold(self, nodes: dict[Path, np.ndarray]) -> dict[Path, int]:  # type: ignore[type-arg]
        """Bring all nodes into range from the top down, keeping every sum of children; changes `nodes`."""
        held = {}
        for parent in (MIXTURE, *self.tree.paths):
            children = self.tree.children(parent)
            before = {child: nodes[child] for child in children}
            for child in children:
                nodes[child] = np.clip(nodes[child], self._low, self._high)
            rest = nodes[parent] - sum(nodes[child] for child in children) if children else 0
            for child in children:
                taken = np.clip(rest, self._low - nodes[child], self._high - nodes[child])
                nodes[child] = nodes[child] + taken
                rest = rest - taken
                held[child] = int(np.count_nonzero(nodes[child] != before[child]))
        return held
