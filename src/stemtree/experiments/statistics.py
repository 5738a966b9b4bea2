"""How sure a difference between two configurations is, over training seeds and songs.

Chunks of a song are not independent, and two seeds of one configuration differ more than songs alone explain. So both
are levels of the bootstrap: seeds are drawn, then songs with all their chunks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from stemtree.errors import EvaluationError, counted

FEWEST_SONGS = 10
"""No interval is given for fewer songs."""

_EXACT = 14
"""Up to so many songs all sign patterns are tried."""

_PATTERNS = 10_000
"""Sign patterns that are drawn of more songs."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arm:
    """What one configuration reached.

    Parameters
    ----------
    values : ndarray
        ``(seed, song)``: the mean over a song's chunks, in dB.
    chunks : ndarray
        ``(song,)``: how many chunks each song has; the same for all arms of a comparison.
    """

    values: Values
    chunks: NDArray[np.int64]

    @property
    def mean(self) -> float:
        """Over seeds and chunks."""
        return float(np.average(self.values.mean(axis=0), weights=self.chunks))

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.chunks) or not self.values.size:
            raise EvaluationError(
                f"values of shape {self.values.shape} do not fit {counted(len(self.chunks), 'song')}: give (seed, song)"
            )


def gain(first: Arm | None, second: Arm | None) -> Arm | None:
    """What one arm is better than another, seed by seed; None where either is missing or they have other seeds."""
    if first is None or second is None or first.values.shape != second.values.shape:
        return None
    return Arm(first.values - second.values, first.chunks)


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference of two arms and its interval.

    Parameters
    ----------
    mean : float
        First minus second, over all chunks, in dB.
    low, high : float
        The interval; NaN for fewer than `FEWEST_SONGS` songs.
    p_value : float
        Of the sign-flip test over songs: how often chance alone yields a mean at least as far from 0.
    over_seeds : bool
        Whether both arms have two seeds or more, so that the interval holds for other seeds too.
    error, freedom : float
        The standard error of `mean` over seeds and songs, and its degrees of freedom; NaN where there is no interval.
    """

    mean: float
    low: float
    high: float
    p_value: float
    over_seeds: bool
    error: float = np.nan
    freedom: float = np.nan

    def p_above(self, margin: float = 0.0) -> float:
        """Probability of a mean so far above the margin if the difference were the margin (Student's t, one side)."""
        return float(t.sf((self.mean - margin) / self.error, self.freedom))

    def p_below(self, margin: float = 0.0) -> float:
        """Probability of a mean so far below the margin if the difference were the margin (Student's t, one side)."""
        return float(t.cdf((self.mean - margin) / self.error, self.freedom))


def compare(first: Arm, second: Arm, *, confidence: float = 0.95, draws: int = 10_000, seed: int = 0) -> Difference:
    """Estimate the difference of two arms that were measured on the same chunks; see `contrast`."""
    return contrast([(first, 1), (second, -1)], confidence=confidence, draws=draws, seed=seed)


def contrast(
    terms: Sequence[tuple[Arm, int]], *, confidence: float = 0.95, draws: int = 10_000, seed: int = 0
) -> Difference:
    """Estimate a sum and difference of arms that were measured on the same chunks.

    The interval is that of a bootstrap on two levels. The deviation of each drawn set of seeds is scaled by
    √(n / (n - 1)), without which few seeds seem to vary less than they do (Rao and Wu 1988). The interval is then
    widened from the normal to Student's distribution with the degrees of freedom of Welch and Satterthwaite.

    Parameters
    ----------
    terms : sequence of (Arm, int)
        Arms with the same songs in the same order, and their signs.
    confidence : float
        Of the interval.
    draws : int
        Bootstrap samples.
    seed : int
        Of the draws.

    Raises
    ------
    EvaluationError
        If the arms were measured on different chunks.
    """
    chunks = terms[0][0].chunks
    if any(not np.array_equal(arm.chunks, chunks) for arm, _ in terms):
        raise EvaluationError("the two were measured on different chunks: evaluate both with one list of chunks")
    random = np.random.default_rng(seed)
    weights = chunks / chunks.sum()
    by_song = sum((sign * arm.values.mean(axis=0) for arm, sign in terms), np.zeros(len(chunks)))
    mean = float(weights @ by_song)
    over_seeds = min(len(arm.values) for arm, _ in terms) > 1
    p_value = sign_flip_test(by_song, chunks, seed=seed)
    songs = len(weights)
    if songs < FEWEST_SONGS:
        return Difference(mean, np.nan, np.nan, p_value, over_seeds)
    counts = random.multinomial(songs, np.full(songs, 1 / songs), size=draws) * chunks
    samples = counts @ by_song / counts.sum(axis=1)
    variances, freedom = [_variance_of_mean(by_song, weights)], [songs - 1]
    for arm, sign in terms:
        effects = arm.values @ weights
        if len(effects) > 1:
            samples = samples + sign * _draw_seeds(effects, draws, random)
            variances.append(float(effects.var(ddof=1)) / len(effects))
            freedom.append(len(effects) - 1)
    error = max(float(np.sqrt(sum(variances))), 1e-12)
    degrees = _degrees_of_freedom(variances, freedom)
    widening = float(t.ppf((1 + confidence) / 2, degrees) / norm.ppf((1 + confidence) / 2))
    low, high = mean + widening * (np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2]) - mean)
    return Difference(mean, float(low), float(high), p_value, over_seeds, error, degrees)


def sign_flip_test(by_song: Values, chunks: NDArray[np.int64], *, seed: int = 0) -> float:
    """Test whether differences of songs are symmetric around 0 (Fisher's randomisation test).

    Parameters
    ----------
    by_song : ndarray
        ``(song,)`` differences.
    chunks : ndarray
        ``(song,)`` weights.
    seed : int
        Of the draws of sign patterns, where there are too many to try all.

    Returns
    -------
    float
        The two-sided p-value.
    """
    weighted = by_song * chunks
    songs = len(weighted)
    if songs <= _EXACT:
        patterns = 1 - 2 * (np.arange(2**songs)[:, None] >> np.arange(songs) & 1)
        extra = 0
    else:
        patterns = np.random.default_rng(seed).choice([-1, 1], size=(_PATTERNS, songs))
        extra = 1  # the observed pattern is one of those that chance could have drawn
    reached = np.abs(patterns @ weighted) >= abs(weighted.sum()) * (1 - 1e-12)
    return float((reached.sum() + extra) / (len(patterns) + extra))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust the p-values of several claims, so that one false claim among them stays as rare (Holm 1979)."""
    adjusted, highest = {}, 0.0
    for rank, (claim, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p_value * (len(p_values) - rank)))
        adjusted[claim] = highest
    return {claim: adjusted[claim] for claim in p_values}


def _draw_seeds(effects: Values, draws: int, random: np.random.Generator) -> Values:
    number = len(effects)
    drawn = effects[random.integers(number, size=(draws, number))].mean(axis=1) - effects.mean()
    return np.asarray(drawn * np.sqrt(number / (number - 1)))


def _variance_of_mean(values: Values, weights: Values) -> float:
    """Of a weighted mean over songs, which are drawn with their weights (linearised ratio)."""
    songs = len(values)
    deviations = weights * (values - weights @ values)
    return float(np.square(deviations).sum() * songs / (songs - 1))


def _degrees_of_freedom(variances: Sequence[float], freedom: Sequence[int]) -> float:
    """Of a sum of variances (Welch and Satterthwaite)."""
    total = sum(variances)
    if not total:
        return float(freedom[0])
    return float(total**2 / sum(variance**2 / degrees for variance, degrees in zip(variances, freedom, strict=True)))
