import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemtree.curation.splits.stratify import stratify


def distance(labels: np.ndarray, splits: np.ndarray, shares: tuple[float, ...], weights: np.ndarray) -> float:
    """The weighted chi-square distance, label by label."""
    total = 0.0
    for split, share in enumerate(shares):
        for label, weight in enumerate(weights):
            target = share * labels[:, label].sum()
            total += weight * (labels[splits == split, label].sum() - target) ** 2 / max(target, 0.1)
    return total


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12), st.integers(1, 3))
def test_no_move_or_exchange_comes_nearer(rows: list[tuple[bool, bool]], size: int) -> None:
    labels = np.array([[1.0, *row] for row in rows])
    weights, shares = np.array([1.0, 0.5, 0.5]), (0.5, 0.25, 0.25)
    groups = [list(group) for group in np.array_split(np.arange(len(rows)), -(-len(rows) // size))]
    assigned = stratify(labels, weights, groups, np.full(len(rows), -1), shares)
    assert sorted(number for group, _ in assigned for number in group) == list(range(len(rows)))

    def after(splits: list[int]) -> float:
        of = np.zeros(len(rows), int)
        for (group, _), split in zip(assigned, splits, strict=True):
            of[group] = split
        return distance(labels, of, shares, weights)

    splits = [split for _, split in assigned]
    best = after(splits)
    for number, split in itertools.product(range(len(splits)), range(3)):
        assert after([*splits[:number], split, *splits[number + 1 :]]) > best - 1e-6
    for first, second in itertools.combinations(range(len(splits)), 2):
        swapped = list(splits)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        assert after(swapped) > best - 1e-6


def test_songs_that_are_fixed_count() -> None:
    assert stratify(np.ones((4, 1)), np.ones(1), [[2], [3]], np.array([0, 0, -1, -1]), (0.5, 0.5)) == [
        ([2], 1),
        ([3], 1),
    ]
    assert stratify(np.ones((1, 1)), np.ones(1), [], np.array([0]), (0.5, 0.5)) == []
