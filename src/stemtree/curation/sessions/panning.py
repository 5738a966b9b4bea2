"""Where the tracks of one instrument stand between left and right, told from their names."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

from stemtree.hierarchy import NodePath

WIDTH = {"backing_vocal": 0.7, "electric_guitar": 0.9, "acoustic_guitar": 0.7}
"""Nodes whose takes are spread, and how far: 1 is hard left and right."""

_TOKEN = re.compile(r"DT(?=DI)|DI(?=DT)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_NUMBERING = re.compile(r"^\d+[\s_.-]+(?=\S)")
_SIDES = {"l": "l", "left": "l", "r": "r", "right": "r"}
_DOUBLES = {"dt", "dbl", "double", "doubled", "dub", "dubl", "take", "tk"}
_MICROPHONES = {"di", "mic", "amp", "close", "far", "near", "distant"}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a track goes.

    Parameters
    ----------
    unit : int
        Tracks of one number are one recording (a left and a right file) and get one gain.
    pan : float
        -1 (left) to 1 (right), for tracks of one channel.
    """

    unit: int
    pan: float = 0.0


@dataclass(frozen=True, slots=True)
class _Name:
    """A file name taken apart: ``12_ElecGtr1DTMic2`` is part ``elec gtr 1``, take ``dt``, microphone ``mic 2``."""

    part: tuple[str, ...]
    take: tuple[str, ...]
    side: str


def place(names: Sequence[str], mono: Sequence[bool], leaf: NodePath, automix: bool) -> list[Placement]:
    """Place the tracks of one instrument of one song.

    Two files of one channel whose names differ in ``L`` and ``R`` alone are one stereo recording, hard left and right.
    With `automix`, takes of one part (``ElecGtr1``, ``ElecGtr1DT``; ``ElecGtr1a``, ``ElecGtr1b``) of guitars and
    backing vocals stand symmetrically about the middle, as do single backing voices among themselves; a part's
    microphones stay together.

    Parameters
    ----------
    names : sequence of str
        File names, in the order in which they are placed.
    mono : sequence of bool
        Which of them have one channel; the others keep their own image.
    leaf : NodePath
        The instrument.
    automix : bool
        Whether to spread takes.

    Returns
    -------
    list of Placement
        One for each name.
    """
    taken_apart = [_take_apart(name) for name in names]
    placements = [Placement(number) for number in range(len(names))]
    for left, right in _pairs(taken_apart, mono):
        placements[left] = Placement(left, -1.0)
        placements[right] = Placement(left, 1.0)
    instrument = leaf.rpartition("/")[2]
    if automix and instrument in WIDTH:
        free = [number for number, placed in enumerate(placements) if mono[number] and not placed.pan]
        for number, pan in _spread(taken_apart, free, instrument).items():
            placements[number] = Placement(number, pan)
    return placements


def gains(placement: Placement, channels: int, stereo: bool) -> list[list[float]]:
    """Matrix from a track's channels to the stem's: constant power for one channel, its own image for two."""
    if not stereo:
        return [[1.0 / channels] * channels]
    if channels == 2:
        return [[1.0, 0.0], [0.0, 1.0]]
    angle = (placement.pan + 1) * math.pi / 4
    return [[math.cos(angle)], [math.sin(angle)]]


def _take_apart(name: str) -> _Name:
    stem = _NUMBERING.sub("", PurePosixPath(name.replace("\\", "/")).stem)
    tokens = [token.casefold() for token in _TOKEN.findall(stem)]
    side = next((_SIDES[token] for token in reversed(tokens) if token in _SIDES), "")
    part: list[str] = []
    take: list[str] = []
    kind = part
    for number, token in enumerate(tokens):
        if token in _SIDES:
            continue
        is_letter = len(token) == 1 and token in "abcdefgh" and number > 0 and tokens[number - 1].isdigit()
        if token in _DOUBLES or is_letter:
            kind = take
        elif token in _MICROPHONES:
            kind = []  # which microphone does not matter
        elif not token.isdigit():
            kind = part
        kind.append(token.lstrip("0") or "0")
    return _Name(tuple(part), tuple(take), side)


def _pairs(names: Sequence[_Name], mono: Sequence[bool]) -> list[tuple[int, int]]:
    """Numbers of left and right files that differ in nothing else, microphones included."""
    by_rest: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for number, name in enumerate(names):
        if name.side and mono[number]:
            by_rest.setdefault((name.part, name.take), []).append(number)
    pairs: list[tuple[int, int]] = []
    for numbers in by_rest.values():
        lefts = [number for number in numbers if names[number].side == "l"]
        rights = [number for number in numbers if names[number].side == "r"]
        if len(lefts) == len(rights):
            pairs += zip(lefts, rights, strict=True)
    return pairs


def _spread(names: Sequence[_Name], free: Sequence[int], instrument: str) -> dict[int, float]:
    """Pan for every take of a part that has several; for the backing voices that have one each."""
    width, pans, alone = WIDTH[instrument], dict[int, float](), []
    in_order = sorted(free, key=lambda number: (names[number].part, names[number].take, number))
    for _, of_part in groupby(in_order, key=lambda number: names[number].part):
        takes = [list(take) for _, take in groupby(of_part, key=lambda number: names[number].take)]
        if len(takes) > 1:
            pans.update(_mirrored(takes, width))
        else:
            alone.append(takes[0])
    if instrument == "backing_vocal" and len(alone) > 1:
        pans.update(_mirrored(alone, width))
    return pans


def _mirrored(takes: Sequence[Sequence[int]], width: float) -> dict[int, float]:
    """The first of an odd number in the middle, the others in pairs left and right, the widest first."""
    odd = len(takes) % 2
    pairs = len(takes) // 2
    pans = {number: 0.0 for take in takes[:odd] for number in take}
    for order, take in enumerate(takes[odd:]):
        distance = width * (pairs - order // 2) / pairs
        pans.update({number: -distance if order % 2 == 0 else distance for number in take})
    return pans
