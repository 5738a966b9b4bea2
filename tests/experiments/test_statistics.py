"""Known answers: coverage on simulated seeds and songs, few false claims where there is no effect."""

import numpy as np
import pytest

from stemtree.errors import EvaluationError
from stemtree.experiments.statistics import Arm, compare, holm, sign_flip_test


def simulate(
    random: np.random.Generator, effect: float, seeds: int = 4, songs: int = 30, of_seeds: float = 0.1
) -> tuple[Arm, Arm]:
    """Two arms whose songs share their difficulty; they differ by `effect`, by seeds and by song."""
    chunks = random.integers(1, 8, songs)
    difficulty = random.normal(0, 3, songs)
    arms = []
    for mean, song_spread in ((effect, 0.4), (0.0, 0.0)):
        by_song = difficulty + mean + random.normal(0, song_spread, songs)
        values = by_song + random.normal(0, of_seeds, (seeds, 1)) + random.normal(0, 0.2, (seeds, songs))
        arms.append(Arm(values, chunks))
    return arms[0], arms[1]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    trials = [compare(*simulate(random, 0.5), draws=600, seed=trial) for trial in range(400)]
    covered = np.mean([trial.low <= 0.5 <= trial.high for trial in trials])
    assert 0.92 <= covered <= 0.98
    assert all(trial.over_seeds for trial in trials)


def test_songs_alone_call_two_seeds_of_one_configuration_different() -> None:
    """What the two-level interval is for: with one seed an arm, an interval over songs alone is far too narrow."""
    random = np.random.default_rng(2)
    alone, both = [], []
    for trial in range(200):
        first, second = simulate(random, 0, of_seeds=0.3)
        one = compare(Arm(first.values[:1], first.chunks), Arm(second.values[:1], second.chunks), draws=400, seed=trial)
        two = compare(first, second, draws=400, seed=trial)
        assert not one.over_seeds
        alone.append(not one.low <= 0 <= one.high)
        both.append(not two.low <= 0 <= two.high)
    assert np.mean(alone) > 0.3
    assert np.mean(both) < 0.09


def test_no_effect_is_rarely_claimed() -> None:
    random = np.random.default_rng(3)
    p_values = [sign_flip_test(random.normal(0, 1, 12), np.ones(12, int)) for _ in range(600)]
    assert 0.03 <= np.mean(np.array(p_values) <= 0.05) <= 0.07


def test_all_sign_patterns_of_few_songs() -> None:
    assert sign_flip_test(np.ones(5), np.ones(5, int)) == 2 / 32  # all plus and all minus
    assert sign_flip_test(np.array([1.0, -1.0]), np.ones(2, int)) == 1


def test_chunks_stay_in_their_song() -> None:
    """Repeating every chunk of every song changes no interval."""
    random = np.random.default_rng(4)
    first, second = simulate(random, 0.2)
    once = compare(first, second)
    often = compare(Arm(first.values, first.chunks * 50), Arm(second.values, second.chunks * 50))
    assert (once.low, once.high) == pytest.approx((often.low, often.high), abs=1e-9)


def test_few_songs_get_no_interval() -> None:
    first, second = simulate(np.random.default_rng(6), 1, songs=9)
    difference = compare(first, second)
    assert np.isnan(difference.low) and np.isnan(difference.high) and np.isfinite(difference.mean)


def test_arms_of_different_chunks_are_refused() -> None:
    first, second = simulate(np.random.default_rng(7), 1)
    with pytest.raises(EvaluationError, match="measured on different chunks"):
        compare(first, Arm(second.values, second.chunks + 1))
    with pytest.raises(EvaluationError, match=r"do not fit 3 songs"):
        Arm(np.zeros((2, 4)), np.ones(3, int))


def test_holm_keeps_the_order_and_multiplies_the_smallest_most() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
