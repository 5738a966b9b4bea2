"""Splits with like distributions of labels, for songs in groups that must stay together.

The target of every label (a song, a family of genres, an instrument) in a split is the split's share of all songs with
that label. What is minimised is the chi-square distance of the counts from the targets. First the groups are assigned
one by one, rare labels first (iterative stratification, Sechidis et al. 2011, with groups for examples); then single
groups are moved and pairs exchanged as long as that helps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]


def stratify(
    labels: Counts, weights: Counts, groups: Sequence[Sequence[int]], fixed: NDArray[np.int64], shares: Sequence[float]
) -> list[tuple[Sequence[int], int]]:
    """Assign groups of songs to splits.

    Parameters
    ----------
    labels : (song, label) float
        1 where a song has a label, else 0.
    weights : (label,) float
        Of the labels in the distance.
    groups : sequence of sequence of int
        Numbers of the songs of each group.
    fixed : (song,) int
        The splits of the songs that are in no group; -1 for the others.
    shares : sequence of float
        Share of all songs in every split.

    Returns
    -------
    list of (group, split)
        Every group once.
    """
    totals = labels.sum(axis=0)
    rarity = np.where(labels > 0, totals, np.inf).min(axis=1)
    ordered = sorted(groups, key=lambda group: (min(rarity[group]), -len(group), group[0]))
    if not ordered:
        return []
    targets = np.array(shares)[:, None] * totals
    counts = np.array([labels[fixed == split].sum(axis=0) for split in range(len(shares))])
    assignment = _Assignment(np.array([labels[group].sum(axis=0) for group in ordered]), counts, targets, weights)
    assignment.assign()
    while assignment.move() or assignment.exchange():
        pass
    return list(zip(ordered, assignment.splits.tolist(), strict=True))


class _Assignment:
    """Splits of the groups, and how many songs with each label the splits hold.

    Parameters
    ----------
    groups : (group, label) float
        Songs with each label.
    counts : (split, label) float
        Songs that are in the splits already.
    targets : (split, label) float
        Songs that should be.
    weights : (label,) float
        Of the labels in the distance.
    """

    def __init__(self, groups: Counts, counts: Counts, targets: Counts, weights: Counts) -> None:
        self.splits = np.zeros(len(groups), np.int64)
        self._groups, self._counts, self._targets = groups, counts, targets
        self._cost = weights / np.maximum(targets, 0.1)

    def assign(self) -> None:
        """Put every group into the split where it costs least."""
        for number, labels in enumerate(self._groups):
            self.splits[number] = int(np.argmin(self._change(labels)))
            self._counts[self.splits[number]] += labels

    def move(self) -> bool:
        """Move every group to the split where the distance is smallest; return whether any moved."""
        moved = False
        for number, labels in enumerate(self._groups):
            split = self.splits[number]
            change = self._change(labels) + self._change(-labels)[split]
            change[split] = 0
            best = int(np.argmin(change))
            if change[best] < -1e-9:
                self._counts[split] -= labels
                self._counts[best] += labels
                self.splits[number], moved = best, True
        return moved

    def exchange(self) -> bool:
        """Exchange every group with the one in another split that helps most; return whether any was."""
        exchanged = False
        for number, labels in enumerate(self._groups):
            difference = self._groups - labels
            gained, lost = self._change(difference), self._change(-difference)
            split = self.splits[number]
            change = gained[split] + lost[self.splits, np.arange(len(self._groups))]
            change[self.splits == split] = 0
            other = int(np.argmin(change))
            if change[other] < -1e-9:
                self._counts[split] += difference[other]
                self._counts[self.splits[other]] -= difference[other]
                self.splits[number], self.splits[other] = self.splits[other], self.splits[number]
                exchanged = True
        return exchanged

    def _change(self, labels: Counts) -> Counts:
        """How the distance changes where labels are added to each split; ``(..., label)`` to ``(split, ...)``."""
        excess = self._counts - self._targets
        return np.stack(
            [
                np.sum((2 * missing + labels) * labels * cost, axis=-1)
                for missing, cost in zip(excess, self._cost, strict=True)
            ]
        )
