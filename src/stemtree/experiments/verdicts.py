"""Whether the claims of an experiment hold: intervals over seeds and songs, adjusted for the number of claims."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.definition import Claim
from stemtree.experiments.results import at
from stemtree.experiments.statistics import FEWEST_SONGS, Arm, Difference, contrast, gain, holm

LEVEL = 0.05
"""How rarely a false claim may be supported, over all claims of an experiment."""


Arms = Mapping[str, Mapping[str, Arm]]
"""By name and level."""


class Outcome(StrEnum):
    """What is decided."""

    SUPPORTED = "supported"
    OPPOSED = "opposed"
    UNDECIDED = "undecided"
    NOT_JUDGED = "not judged"
    """Another claim, without which this one says nothing, is not supported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided of a claim.

    Parameters
    ----------
    claim : Claim
        The claim.
    outcome : Outcome
        See there.
    difference : Difference or None
        Of its arms; None without runs of both.
    p_value : float
        Adjusted (Holm); NaN where it cannot be.
    reason : str
        Why nothing is decided, if nothing is.
    seeds : tuple of int
        Of both arms.
    songs : int
        How many it is judged on.
    """

    claim: Claim
    outcome: Outcome
    difference: Difference | None
    p_value: float
    reason: str
    seeds: tuple[int, int]
    songs: int = 0


def level_name(claim: Claim) -> str:
    """The level of a claim as tables name it."""
    return ALL_LEVELS if claim.level == "all" else f"level {claim.level}"


def judge(
    claims: Sequence[Claim], arms: Arms, over_tests: Arms | None = None, untrained: Collection[str] = ()
) -> list[Verdict]:
    """Judge claims.

    A direction is supported, or opposed, where both tests reject no difference: Student's t with the error over seeds
    and songs, and sign flips over songs. An equivalence is supported where two one-sided tests reject a difference
    as large as the margin (Schuirmann 1987), and opposed where they reject a smaller one. p-values are those of all
    claims, adjusted by Holm.

    Parameters
    ----------
    claims : sequence of Claim
        In their order.
    arms : mapping
        What each arm reached, by level; arms without runs are left out.
    over_tests : mapping, optional
        The same of arms on test sets that are compared, by the names of `stemtree.experiments.results.at`.
    untrained : collection of str
        Arms that have no seeds: claims about them alone are judged over songs.
    """
    terms = [_terms(claim, arms, over_tests or {}) for claim in claims]
    differences = {number: contrast(found) for number, found in enumerate(terms) if found}
    sure = {
        number
        for number, difference in differences.items()
        if difference.over_seeds or {claims[number].first, claims[number].second} <= {*untrained}
    }
    usable = {number: differences[number] for number in sorted(sure) if np.isfinite(differences[number].error)}
    adjusted = holm({str(number): _p_value(claims[number], found) for number, found in usable.items()})
    verdicts: list[Verdict] = []
    for number, claim in enumerate(claims):
        difference = differences.get(number)
        p_value = adjusted.get(str(number), float("nan"))
        outcome, reason = _outcome(claim, difference, p_value, over_seeds=number in sure)
        if claim.requires and verdicts[claim.requires - 1].outcome != Outcome.SUPPORTED:
            outcome, reason = Outcome.NOT_JUDGED, f"claim {claim.requires} must hold first"
        seeds = [len(arm.values) for arm, _ in terms[number]][:2] or [0]
        songs = len(terms[number][0][0].chunks) if terms[number] else 0
        verdicts.append(Verdict(claim, outcome, difference, p_value, reason, (seeds[0], seeds[-1]), songs))
    return verdicts


def _terms(claim: Claim, arms: Arms, over_tests: Arms) -> list[tuple[Arm, int]]:
    """The arms of a claim with their signs; none if one is missing."""
    level = level_name(claim)
    if claim.tests:
        gains = [_gain(arm, claim.tests, level, over_tests) for arm in dict.fromkeys((claim.first, claim.second))]
        found = [gain for gain in gains if gain is not None]
        return list(zip(found, (1, -1), strict=False)) if len(found) == len(gains) else []
    names = (claim.first, claim.second, *(claim.against or ()))
    if any(level not in arms.get(name, {}) for name in names):
        return []
    return list(zip((arms[name][level] for name in names), (1, -1, -1, 1), strict=False))


def _gain(arm: str, tests: tuple[str, str], level: str, over_tests: Arms) -> Arm | None:
    """What an arm gains from the second test set to the first: seed by seed, since it is the same network on both."""
    first, second = (over_tests.get(at(arm, test), {}).get(level) for test in tests)
    return gain(first, second)


def _p_value(claim: Claim, found: Difference) -> float:
    """Of the more likely of a claim and its opposite."""
    if claim.margin is None:
        return max(found.p_value, min(1.0, 2 * min(found.p_above(), found.p_below())))
    equivalent = max(found.p_above(-claim.margin), found.p_below(claim.margin))
    different = min(1.0, 2 * min(found.p_above(claim.margin), found.p_below(-claim.margin)))
    return min(equivalent, different)


def _outcome(claim: Claim, found: Difference | None, p_value: float, *, over_seeds: bool) -> tuple[Outcome, str]:
    if found is None:
        return Outcome.UNDECIDED, "runs are missing"
    if np.isnan(found.error):
        return Outcome.UNDECIDED, f"fewer than {FEWEST_SONGS} songs"
    if not over_seeds:
        return Outcome.UNDECIDED, "an arm has a single seed"
    if p_value > LEVEL:
        return Outcome.UNDECIDED, "the interval holds both"
    holds = found.mean > 0 if claim.margin is None else abs(found.mean) < claim.margin
    return (Outcome.SUPPORTED, "") if holds else (Outcome.OPPOSED, "")
