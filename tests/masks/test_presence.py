import math
import random

import pytest
import torch

from stemtree.hierarchy import from_dict
from stemtree.masks.partition import Partition
from stemtree.masks.presence import (
    PRESENT_DB,
    best_threshold,
    component_energies,
    component_loudness,
    fit_presence,
    greatest_odds,
    leaf_energies,
    loudest_db,
)


def test_energies_are_relative_to_the_mixture() -> None:
    partition = Partition(from_dict("two", {"a": {}, "b": {}, "rest": {}}), ("a", "b"))
    mixture = torch.complex(torch.ones(2, 3, 4), torch.zeros(2, 3, 4))
    parts = torch.stack([torch.full((1, 3, 4), share) for share in (0.5, 0.1, 0.4)])
    energies = leaf_energies(parts, partition, mixture)
    assert list(energies) == ["a", "b"]
    torch.testing.assert_close(torch.tensor(list(energies.values())), torch.tensor([0.25, 0.01]))
    assert leaf_energies(parts, partition, 0 * mixture) == {"a": 0.0, "b": 0.0}


def test_energies_of_components() -> None:
    mixture = torch.complex(torch.ones(2, 3, 4), torch.ones(2, 3, 4))
    masks = torch.stack([torch.full((1, 3, 4), share) for share in (0.5, 0.1)])
    torch.testing.assert_close(component_energies(masks, mixture), torch.tensor([0.25, 0.01]))
    assert component_energies(masks, 0 * mixture).tolist() == [0, 0]


def test_how_loud_components_are() -> None:
    """From -40 to 0 dB, given as -2 to 2."""
    energies = torch.tensor([[0.1, 0.0], [0.001, 1.0]])
    torch.testing.assert_close(component_loudness(energies), torch.tensor([[1.0, -2.0], [-1.0, 2.0]]))


def test_the_greatest_odds_of_a_song() -> None:
    some, other = torch.tensor([1.0, -2.0]), torch.tensor([-1.0, 3.0])
    assert greatest_odds([(1.0, some), (0.5, other)]).tolist() == [1, 3]
    assert greatest_odds([(1.0, some), (0.009, other)]).tolist() == [1, -2]  # what is nearly silent does not count
    assert greatest_odds([]).tolist() == greatest_odds([(0.0, some)]).tolist() == []


def test_the_loudest_stretch_counts() -> None:
    heard = loudest_db([(1.0, {"a": 0.5, "b": 0.001}), (0.5, {"a": 0.0, "b": 0.02})])
    assert heard == pytest.approx({"a": -3.01, "b": -16.99}, abs=0.01)


def test_what_is_nearly_silent_does_not_count() -> None:
    heard = loudest_db([(1.0, {"a": 0.1, "b": 0.0}), (0.009, {"a": 0.0, "b": 1.0})])
    assert heard == {"a": -10.0, "b": -math.inf}
    assert loudest_db([(0.0, {"a": 0.0})]) == loudest_db([]) == {}


def test_the_threshold_that_tells_most_right() -> None:
    apart = [({"a": -5.0, "b": -30.0}, ["a"]), ({"a": -12.0, "b": -18.0}, ["a"])]
    assert fit_presence(apart) == (-15.0, 1.0)
    mixed = [({"a": -5.0, "b": -10.0, "c": -20.0, "d": -math.inf}, ["a", "c"])]
    assert fit_presence(mixed) == (-23.0, pytest.approx(0.8))  # b comes along: two right, one wrong, none left out
    assert fit_presence([({"a": -3.0, "b": -9.0}, ["a", "b", "c"])])[1] == pytest.approx(0.8)  # c is never found


def test_the_threshold_of_nothing_is_the_guess() -> None:
    for songs in ([], [({"a": -3.0}, [])], [({"a": -math.inf}, ["a"])]):
        threshold, f1 = fit_presence(songs)
        assert threshold == PRESENT_DB and math.isnan(f1)


def test_slow_twin() -> None:
    """All thresholds, one by one."""
    draw = random.Random(0)
    songs = [({leaf: draw.uniform(-40, 0) for leaf in "abcdef"}, draw.sample("abcdef", 3)) for _ in range(5)]

    def f1(threshold: float) -> float:
        found = [({leaf for leaf, db in heard.items() if db >= threshold}, set(there)) for heard, there in songs]
        right = sum(len(one & there) for one, there in found)
        return 2 * right / sum(len(one) + len(there) for one, there in found)

    threshold, best = fit_presence(songs)
    assert f1(threshold) == pytest.approx(best) == pytest.approx(max(f1(-n / 100) for n in range(4200)))


def test_a_threshold_of_any_sign() -> None:
    told = [(3.0, True), (1.0, False), (0.5, True), (-2.0, False), (-math.inf, True)]
    assert best_threshold(told, 3) == (-0.75, pytest.approx(2 * 2 / (3 + 3)))  # one that is there is never taken
    assert all(math.isnan(figure) for figure in (*best_threshold([], 1), *best_threshold(told, 0)))
