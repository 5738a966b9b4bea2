"""Whether the claims of an experiment hold: intervals over seeds and songs, adjusted for the number of claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.definition import Claim
from stemtree.experiments.statistics import FEWEST_SONGS, Arm, Difference, contrast, holm

LEVEL = 0.05
"""How rarely a false claim may be supported, over all claims of an experiment."""


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
    """

    claim: Claim
    outcome: Outcome
    difference: Difference | None
    p_value: float
    reason: str
    seeds: tuple[int, int]


def level_name(claim: Claim) -> str:
    """The level of a claim as tables name it."""
    return ALL_LEVELS if claim.level == "all" else f"level {claim.level}"


def judge(claims: Sequence[Claim], arms: Mapping[str, Mapping[str, Arm]]) -> list[Verdict]:
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
    """
    differences: dict[int, Difference] = {}
    for number, claim in enumerate(claims):
        found = [arms[arm][level_name(claim)] for arm in _arms(claim) if level_name(claim) in arms.get(arm, {})]
        if len(found) == len(_arms(claim)):
            differences[number] = contrast(list(zip(found, (1, -1, -1, 1), strict=False)))
    usable = {number: d for number, d in differences.items() if d.over_seeds and np.isfinite(d.error)}
    adjusted = holm({str(number): _p_value(claims[number], found) for number, found in usable.items()})
    verdicts: list[Verdict] = []
    for number, claim in enumerate(claims):
        difference = differences.get(number)
        p_value = adjusted.get(str(number), float("nan"))
        outcome, reason = _outcome(claim, difference, p_value)
        if claim.requires and verdicts[claim.requires - 1].outcome != Outcome.SUPPORTED:
            outcome, reason = Outcome.NOT_JUDGED, f"claim {claim.requires} must hold first"
        seeds = [len(arms[arm][level_name(claim)].values) if difference else 0 for arm in (claim.first, claim.second)]
        verdicts.append(Verdict(claim, outcome, difference, p_value, reason, (seeds[0], seeds[1])))
    return verdicts


def _arms(claim: Claim) -> tuple[str, ...]:
    """The arms of a claim, whose signs are 1, -1, -1, 1."""
    return (claim.first, claim.second, *(claim.against or ()))


def _p_value(claim: Claim, found: Difference) -> float:
    """Of the more likely of a claim and its opposite."""
    if claim.margin is None:
        return max(found.p_value, min(1.0, 2 * min(found.p_above(), found.p_below())))
    equivalent = max(found.p_above(-claim.margin), found.p_below(claim.margin))
    different = min(1.0, 2 * min(found.p_above(claim.margin), found.p_below(-claim.margin)))
    return min(equivalent, different)


def _outcome(claim: Claim, found: Difference | None, p_value: float) -> tuple[Outcome, str]:
    if found is None:
        return Outcome.UNDECIDED, "runs are missing"
    if np.isnan(found.error):
        return Outcome.UNDECIDED, f"fewer than {FEWEST_SONGS} songs"
    if not found.over_seeds:
        return Outcome.UNDECIDED, "an arm has a single seed"
    if p_value > LEVEL:
        return Outcome.UNDECIDED, "the interval holds both"
    holds = found.mean > 0 if claim.margin is None else abs(found.mean) < claim.margin
    return (Outcome.SUPPORTED, "") if holds else (Outcome.OPPOSED, "")
