"""Known answers of claims: what holds, what does not, what cannot be known."""

import numpy as np
import pytest

from stemtree.experiments.definition import Claim
from stemtree.experiments.statistics import Arm
from stemtree.experiments.verdicts import Outcome, judge


def arms(seeds: int = 4, songs: int = 40, **gains: float) -> dict[str, dict[str, Arm]]:
    random = np.random.default_rng(1)
    difficulty = random.normal(0, 3, songs)
    chunks = np.full(songs, 3)

    def make(gain: float) -> Arm:
        of_seeds = random.normal(0, 0.02, (seeds, 1))
        return Arm(difficulty + gain + of_seeds + random.normal(0, 0.1, (seeds, songs)), chunks)

    return {arm: {"all levels": make(gain)} for arm, gain in gains.items()}


def claim(first: str, second: str, **more: object) -> Claim:
    return Claim(first=first, second=second, **more)


def test_directions_and_margins() -> None:
    claims = [
        claim("good", "bad"),
        claim("bad", "good"),
        claim("good", "twin", margin=0.2),
        claim("good", "bad", margin=0.2),
        claim("good", "twin"),
        claim("good", "none"),
    ]
    verdicts = judge(claims, arms(good=1.0, bad=0.0, twin=1.0))
    expected = ["supported", "opposed", "supported", "opposed", "undecided", "undecided"]
    assert [verdict.outcome for verdict in verdicts] == expected
    assert verdicts[5].reason == "runs are missing" and verdicts[5].difference is None
    assert verdicts[0].seeds == (4, 4) and verdicts[0].p_value < 0.01


def test_a_claim_waits_for_the_one_that_it_requires() -> None:
    claims = [claim("everything", "missing"), claim("leaf", "missing", requires=1)]
    assert judge(claims, arms(everything=1.0, missing=0.0, leaf=0.9))[1].outcome == Outcome.SUPPORTED
    verdict = judge(claims, arms(everything=1.0, missing=1.0, leaf=1.9))[1]
    assert verdict.outcome == Outcome.NOT_JUDGED and verdict.reason == "claim 1 must hold first"


def test_what_arms_lose_is_compared() -> None:
    """The tree loses 0.3 dB, direct masks 1 dB, though the tree is better with and without."""
    found = arms(tree=3.0, direct=2.0, tree_less=2.7, direct_less=1.0)
    verdict = judge([claim("tree_less", "direct_less", against=("tree", "direct"))], found)[0]
    assert verdict.outcome == Outcome.SUPPORTED and verdict.difference.mean == pytest.approx(0.7, abs=0.15)


def test_one_seed_or_few_songs_decide_nothing() -> None:
    assert judge([claim("a", "b")], arms(seeds=1, a=9.0, b=0.0))[0].reason == "an arm has a single seed"
    assert judge([claim("a", "b")], arms(songs=9, a=9.0, b=0.0))[0].reason == "fewer than 10 songs"


def test_false_claims_are_rare() -> None:
    """Three claims about equal arms: one of them is supported or opposed in at most 5 % of experiments."""
    random = np.random.default_rng(2)
    chunks, wrong = np.full(20, 2), 0
    for _ in range(60):
        found = {
            name: {"all levels": Arm(random.normal(0, 0.1, (3, 1)) + random.normal(0, 0.3, (3, 20)), chunks)}
            for name in "abcd"
        }
        outcomes = [verdict.outcome for verdict in judge([claim("a", other) for other in "bcd"], found)]
        wrong += "supported" in outcomes or "opposed" in outcomes
    assert wrong <= 6


def test_a_network_follows_its_query() -> None:
    """Differences between test sets are taken seed by seed: how good a seed is does not blur them."""
    random = np.random.default_rng(3)
    chunks = np.full(30, 2)

    def make(gain: float, seeds: np.ndarray) -> dict[str, Arm]:
        return {"level 1": Arm(gain + seeds + random.normal(0, 0.1, (len(seeds), 30)), chunks)}

    seeds = {arm: random.normal(0, 3, (3, 1)) for arm in ("deaf", "film")}
    gains = {"film": {"right": 1.0, "wrong": 0.0}, "deaf": {"right": 1.0, "wrong": 1.0}}
    over_tests = {f"{arm}, {test}": make(gain, seeds[arm]) for arm, of in gains.items() for test, gain in of.items()}
    claims = [
        claim("film", "film", level=1, tests=("right", "wrong")),
        claim("deaf", "deaf", level=1, tests=("right", "wrong"), margin=0.2),
        claim("film", "deaf", level=1, tests=("right", "wrong")),
        claim("film", "film", level=1, tests=("right", "none")),
    ]
    verdicts = judge(claims, {}, over_tests)
    assert [verdict.outcome for verdict in verdicts] == ["supported", "supported", "supported", "undecided"]
    assert verdicts[2].difference.mean == pytest.approx(1, abs=0.1) and verdicts[2].seeds == (3, 3)


def test_what_is_not_trained_needs_no_seeds() -> None:
    found = arms(seeds=1, masks=1.0, waveforms=0.0)
    assert judge([claim("masks", "waveforms")], found)[0].outcome == Outcome.UNDECIDED
    assert judge([claim("masks", "waveforms")], found, untrained=found)[0].outcome == Outcome.SUPPORTED
