"""Where the tracks of one instrument stand between left and right, from their file names."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

from stemtree.hierarchy import NodePath, own_name

WIDTH = {"backing_vocal": 0.7, "electric_guitar": 0.9, "acoustic_guitar": 0.7}
"""The instruments whose takes are panned apart, and how far: 1 is hard left and right."""

_TOKEN = re.compile(r"DT(?=DI)|DI(?=DT)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_NUMBERING = re.compile(r"^\d+[\s_.-]+(?=\S)")
_SIDES = {"l": "l", "left": "l", "r": "r", "right": "r"}
_DOUBLES = {"dt", "dbl", "double", "doubled", "dub", "dubl", "take", "tk"}
_MICROPHONES = {"di", "mic", "amp", "close", "far", "near", "distant"}


@dataclass(frozen=True, slots=True)
class Placement:
    """The panning of a track.

    Parameters
    ----------
    unit : int
        Tracks with the same number are one recording (a left and a right file) and get one gain.
    pan : float
        -1 (left) to 1 (right), for tracks with one channel.
    """

    unit: int
    pan: float = 0.0


@dataclass(frozen=True, slots=True)
class _Name:
    """The pieces of a file name: ``12_ElecGtr1DTMic2`` is the part ``elec gtr 1``, the take ``dt``, microphone 2."""

    part: tuple[str, ...]
    take: tuple[str, ...]
    side: str


def place_tracks(names: Sequence[str], mono: Sequence[bool], leaf: NodePath, automix: bool) -> list[Placement]:
    """Pan the tracks of one instrument of one song.

    Two files with one channel whose names differ in ``L`` and ``R`` alone are one stereo recording, hard left and
    right. With `automix`, takes of one part (``ElecGtr1``, ``ElecGtr1DT``; ``ElecGtr1a``, ``ElecGtr1b``) of guitars and
    backing vocals stand symmetrically about the middle, as do single backing voices among themselves; the microphones
    of a take stay together.

    Parameters
    ----------
    names : sequence of str
        File names; earlier ones are placed first.
    mono : sequence of bool
        Whether each has one channel; the others keep their own image.
    leaf : NodePath
        The instrument.
    automix : bool
        Whether to pan takes apart.

    Returns
    -------
    list of Placement
        One for each name.
    """
    parsed = [_parse(name) for name in names]
    placements = [Placement(number) for number in range(len(names))]
    for left, right in _stereo_pairs(parsed, mono):
        placements[left] = Placement(left, -1.0)
        placements[right] = Placement(left, 1.0)
    instrument = own_name(leaf)
    if automix and instrument in WIDTH:
        free = [number for number, placed in enumerate(placements) if mono[number] and not placed.pan]
        for number, pan in _spread_takes(parsed, free, instrument).items():
            placements[number] = Placement(number, pan)
    return placements


def panning_matrix(placement: Placement, channels: int, stereo: bool) -> list[list[float]]:
    """Matrix from a track's channels to the stem's: constant power for one channel, the identity for two."""
    if not stereo:
        return [[1.0 / channels] * channels]
    if channels == 2:
        return [[1.0, 0.0], [0.0, 1.0]]
    angle = (placement.pan + 1) * math.pi / 4
    return [[math.cos(angle)], [math.sin(angle)]]


def _parse(name: str) -> _Name:
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


def _stereo_pairs(names: Sequence[_Name], mono: Sequence[bool]) -> list[tuple[int, int]]:
    """Numbers of left and right files with the same part and take, whatever the microphones."""
    by_take: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for number, name in enumerate(names):
        if name.side and mono[number]:
            by_take.setdefault((name.part, name.take), []).append(number)
    pairs: list[tuple[int, int]] = []
    for numbers in by_take.values():
        lefts = [number for number in numbers if names[number].side == "l"]
        rights = [number for number in numbers if names[number].side == "r"]
        if len(lefts) == len(rights):
            pairs += zip(lefts, rights, strict=True)
    return pairs


def _spread_takes(names: Sequence[_Name], free: Sequence[int], instrument: str) -> dict[int, float]:
    """Panning of the takes of a part that has several; of backing voices that have one take each."""
    width, pans, single_takes = WIDTH[instrument], dict[int, float](), []
    in_order = sorted(free, key=lambda number: (names[number].part, names[number].take, number))
    for _, of_part in groupby(in_order, key=lambda number: names[number].part):
        takes = [list(take) for _, take in groupby(of_part, key=lambda number: names[number].take)]
        if len(takes) > 1:
            pans.update(_mirror(takes, width))
        else:
            single_takes.append(takes[0])
    if instrument == "backing_vocal" and len(single_takes) > 1:
        pans.update(_mirror(single_takes, width))
    return pans


def _mirror(takes: Sequence[Sequence[int]], width: float) -> dict[int, float]:
    """The first of an odd number of takes in the middle, the others in pairs left and right, the widest first."""
    odd = len(takes) % 2
    pairs = len(takes) // 2
    pans = {number: 0.0 for take in takes[:odd] for number in take}
    for order, take in enumerate(takes[odd:]):
        distance = width * (pairs - order // 2) / pairs
        pans.update({number: -distance if order % 2 == 0 else distance for number in take})
    return pans
