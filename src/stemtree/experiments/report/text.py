"""Numbers, tables and templates of pages."""

import math
import re
from collections.abc import Sequence

from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.definition import Claim, Experiment
from stemtree.experiments.results import headroom
from stemtree.experiments.statistics import Difference, compare
from stemtree.experiments.verdicts import Arms, Outcome, Verdict, level_name

CEILING, FLOOR = "oracle:psa", "mean"
NAMES = {FLOOR: "constant mask", CEILING: "ideal mask"}
_FIELD = re.compile(r"\{(mean|difference|headroom|claim) ([^{}]+)\}")


def decibels(value: float) -> str:
    """Two digits, with a true minus; empty for what is no number."""
    return "" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def with_interval(difference: Difference) -> str:
    """Mean and, where there is one, the 95 % interval."""
    if math.isnan(difference.low):
        return decibels(difference.mean)
    return f"{decibels(difference.mean)} ({decibels(difference.low)} to {decibels(difference.high)})"


def percent(share: float | None) -> str:
    """A share as whole percent; empty if there is none."""
    return "" if share is None else f"{round(100 * share)} %".replace("-", "\N{MINUS SIGN}")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def claim_text(verdict: Verdict) -> str:
    """A claim in words."""
    claim = verdict.claim
    where = "over all levels" if level_name(claim) == ALL_LEVELS else f"at {level_name(claim)}"
    first, second = f"`{claim.first}`", f"`{claim.second}`"
    if claim.tests:
        return _claim_over_tests(claim, where)
    if claim.against:
        first, second = (
            f"{arm} \N{MINUS SIGN} `{base}`" for arm, base in zip((first, second), claim.against, strict=True)
        )
    if claim.margin:
        return f"{first} and {second} differ by less than {claim.margin:g} dB {where}"
    return f"{first} is better than {second} {where}"


def _claim_over_tests(claim: Claim, where: str) -> str:
    right, wrong = claim.tests or ("", "")
    if claim.first == claim.second and claim.margin:
        return f"`{claim.first}` differs by less than {claim.margin:g} dB between *{right}* and *{wrong}* {where}"
    if claim.first == claim.second:
        return f"`{claim.first}` is better with *{right}* than with *{wrong}* {where}"
    difference = f"less than {claim.margin:g} dB of difference" if claim.margin else "more"
    return f"`{claim.first}` gains {difference} than `{claim.second}` from *{wrong}* to *{right}* {where}"


def verdict_text(verdict: Verdict) -> str:
    """What is decided, and if nothing is, why."""
    word = f"**{verdict.outcome}**" if verdict.outcome in (Outcome.SUPPORTED, Outcome.OPPOSED) else str(verdict.outcome)
    return f"{word}: {verdict.reason}" if verdict.reason else word


def reasons(experiment: Experiment, verdicts: Sequence[Verdict], arms: Arms) -> list[str]:
    """The paragraphs on why, with their numbers; those whose runs are missing say so."""
    paragraphs = []
    for reason in experiment.why:
        outcome = verdicts[reason.claim - 1].outcome if reason.claim else None
        of_outcome = getattr(reason, str(outcome)) if outcome in ("supported", "opposed", "undecided") else ""
        if text := " ".join(part for part in (reason.text.strip(), of_outcome.strip()) if part):
            try:
                paragraphs.append(fill(text, arms, verdicts))
            except KeyError as error:
                paragraphs.append(f"What this would say needs runs that are missing: {error.args[0]}.")
    return paragraphs


def fill(text: str, arms: Arms, verdicts: Sequence[Verdict] = ()) -> str:
    """Fill in the numbers of a template; raises KeyError with the name of an arm that has no runs."""
    return _FIELD.sub(lambda field: _number(field[1], field[2], arms, verdicts), text)


def _number(kind: str, argument: str, arms: Arms, verdicts: Sequence[Verdict]) -> str:
    if kind == "claim":
        verdict = verdicts[int(argument) - 1]
        if verdict.difference is None:
            raise KeyError(f"those of claim {argument}")
        return f"{with_interval(verdict.difference)} dB"
    names, level = argument.split(), ALL_LEVELS
    if len(names) > 2 and names[-2] == "level":
        names, level = names[:-2], f"level {names[-1]}"
    for name in names:
        if level not in arms.get(name, {}):
            raise KeyError(name)
    if kind == "difference":
        return f"{with_interval(compare(arms[names[0]][level], arms[names[1]][level]))} dB"
    if kind == "mean":
        return f"{decibels(arms[names[0]][level].mean)} dB"
    means = {arm: levels[level].mean for arm, levels in arms.items() if level in levels}
    return percent(headroom(means, names[0], FLOOR, CEILING))
