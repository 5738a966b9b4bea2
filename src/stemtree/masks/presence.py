"""Which leaves of a tree are there, by the loudness of their estimates or of a network's components."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from stemtree.hierarchy import NodePath
from stemtree.masks.partition import Partition
from stemtree.types import Masks, Spectrogram

Measured = TypeVar("Measured")

PRESENT_DB = -20.0
"""From which loudness on, in dB relative to the mixture, a leaf is there, for models whose card says nothing.

A guess: no model was measured for it. `fit_presence` finds what suits a model.
"""

_FAINT = 0.01
"""Stretches with less than this share of the loudest one's energy say nothing: -20 dB."""

_SILENT_DB = -40.0
"""Components below this are as good as silent."""


def leaf_energies(parts: Masks, partition: Partition, mixture: Spectrogram) -> dict[NodePath, float]:
    """Measure the energy of each leaf in a stretch of the mixture, relative to the mixture's.

    Parameters
    ----------
    parts : Masks
        ``(part, 1 or channel, bin, frame)``.
    partition : Partition
        The parts.
    mixture : Spectrogram
        ``(channel, bin, frame)``.
    """
    energies = component_energies(parts[: len(partition.leaves)], mixture)
    return dict(zip(partition.leaves, energies.tolist(), strict=True))


def component_energies(masks: Masks, mixture: Spectrogram) -> Tensor:
    """Measure the energy of each component of a stretch of the mixture, relative to the mixture's: ``(component,)``.

    Parameters
    ----------
    masks : Masks
        ``(component, 1 or channel, bin, frame)``.
    mixture : Spectrogram
        ``(channel, bin, frame)``.
    """
    power = mixture.real.square() + mixture.imag.square()
    return torch.stack([(power * mask.square()).sum() for mask in masks]) / power.sum().clamp_min(1e-12)


def component_loudness(energies: Tensor) -> Tensor:
    """How loud components are in a stretch of a song, for `AnsweringNetwork.evidence`.

    Parameters
    ----------
    energies : Tensor
        ``(..., component)``, relative to the mixture's.

    Returns
    -------
    Tensor
        The same shape: from -40 to 0 dB, given as -2 to 2.
    """
    decibels = 10 * energies.clamp(10 ** (_SILENT_DB / 10), 1).log10()
    return (decibels - _SILENT_DB / 2) / 10


def greatest_odds(stretches: Iterable[tuple[float, Tensor]]) -> Tensor:
    """For each class its log-odds in that stretch of a song in which they are greatest.

    Parameters
    ----------
    stretches : iterable of (float, Tensor)
        The mixture's energy, and ``(class,)`` log-odds. Stretches 20 dB quieter than the loudest one do not count.

    Returns
    -------
    Tensor
        ``(class,)``; empty if all of the song is silent.
    """
    counted = [odds for _, odds in _counted(stretches)]
    return torch.stack(counted).amax(dim=0) if counted else torch.zeros(0)


def loudest_db(stretches: Iterable[tuple[float, Mapping[NodePath, float]]]) -> dict[NodePath, float]:
    """Find how loud each leaf is in that stretch of a song in which it is loudest relative to the mixture.

    Parameters
    ----------
    stretches : iterable of (float, mapping of NodePath to float)
        The mixture's energy, and that of each leaf relative to it. Stretches 20 dB quieter than the loudest one do not
        count.

    Returns
    -------
    dict of NodePath to float
        In dB relative to the mixture, minus infinity for silence; empty if all of the song is silent.
    """
    counted = [shares for _, shares in _counted(stretches)]
    greatest = {leaf: max(shares[leaf] for shares in counted) for leaf in (counted[0] if counted else ())}
    return {leaf: 10 * math.log10(share) if share > 0 else -math.inf for leaf, share in greatest.items()}


def fit_presence(songs: Sequence[tuple[Mapping[NodePath, float], Iterable[NodePath]]]) -> tuple[float, float]:
    """Find the threshold by which most leaves are told right: of all thresholds the one with the greatest F1.

    Parameters
    ----------
    songs : sequence of (mapping of NodePath to float, iterable of NodePath)
        Of each validation song `loudest_db` of all leaves that were asked for, and those that are there in truth.

    Returns
    -------
    threshold, f1 : float
        In dB, below 0, half-way between the two loudnesses that it lies between; and the F1 of leaves found, pooled
        over the songs. `PRESENT_DB` and NaN if no leaf is there in any song, or none is heard.

    Notes
    -----
    F1 = 2 TP / (2 TP + FP + FN) with leaves found that are there (TP), found that are not (FP), and not found (FN).
    """
    told = [(loudness, leaf in set(there)) for heard, there in songs for leaf, loudness in heard.items()]
    threshold, f1 = best_threshold(told, sum(len(set(there)) for _, there in songs))
    return (PRESENT_DB, f1) if math.isnan(f1) else (min(threshold, -0.01), f1)


def best_threshold(told: Iterable[tuple[float, bool]], there: int) -> tuple[float, float]:
    """Find from which value on things are best taken for present.

    Parameters
    ----------
    told : iterable of (float, bool)
        What speaks for each, and whether it is there; minus infinity is never taken for present.
    there : int
        How many are there, with those that nothing is told of.

    Returns
    -------
    threshold, f1 : float
        The threshold with the greatest F1, half-way between the two values that it lies between, and that F1; NaN if
        nothing is there or nothing is told.
    """
    known = sorted((pair for pair in told if math.isfinite(pair[0])), reverse=True)
    if not there or not known:
        return math.nan, math.nan
    best, f1, right = math.nan, 0.0, 0
    for number, (value, is_there) in enumerate(known, start=1):
        right += is_there
        below = known[number][0] if number < len(known) else value - 6.0
        if below < value and (score := 2 * right / (number + there)) > f1:
            best, f1 = (value + below) / 2, score
    return (known[0][0] if math.isnan(best) else best), f1


def _counted(stretches: Iterable[tuple[float, Measured]]) -> list[tuple[float, Measured]]:
    """Those stretches of a song that are not faint beside its loudest one."""
    known = list(stretches)
    loudest = max((energy for energy, _ in known), default=0.0)
    return [(energy, measured) for energy, measured in known if energy and energy >= _FAINT * loudest]
