"""A second look at proposals, with the ears: what the audio says for or against the labels."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemtree.audio import open_source
from stemtree.curation.annotation.classifier.features import Numbers
from stemtree.curation.annotation.classifier.file_names import vocabulary
from stemtree.curation.annotation.labels import instruments
from stemtree.curation.annotation.table import (
    SETTLED,
    TO_REVIEW,
    Row,
    read_annotation,
    settled,
    write_annotation,
    write_rows,
)
from stemtree.curation.sessions.sessions import audio_files, find_file, name_key
from stemtree.errors import AudioError, CorpusError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SILENCE = -60.0
"""Below this peak, in dBFS, a file is silent; a tenth of a second below this RMS is."""

_SECONDS = 6.0
_WINDOW, _HOP, _WIDTH = 1024, 512, 17
_STRUCK = ("drum_set", "nontonal_percussion")
_RINGING = [
    "Loop",
    "Percussion",
    "Drum_Kick",
    "Drum_Tom",
    "Drum_Cymbals",
    "Drum_Overheads",
    "Drum_Room",
    "Timpani",
    "Taiko",
    "Gong",
]
# Recorded samples of ten pitched instruments lie between 0 and 0.26, whole drum kits at 0.4.
_TOO_PITCHED, _TOO_STRUCK = 0.04, 0.5
_BASS_ABOVE, _METAL_BELOW = 400.0, 2000.0
_METAL = ("Drum_HiHat", "Shaker", "Tambourine", "Triangle", "Maracas")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one file sounds like.

    Parameters
    ----------
    song, file : str
        As in the annotation.
    seconds : float
        Length.
    channels : int
        1 or 2.
    peak : float
        In dBFS.
    silent : float
        Share of tenths of a second with an RMS below `SILENCE`.
    percussive : float
        Share of the energy that median filtering finds in onsets (Fitzgerald 2010), in the loudest 6 s: 0 for a steady
        tone, 1 for a click.
    low, high : float
        Hz, between which 90 % of the energy of these 6 s lies.
    pair : str
        The other channel of a mono file, or an earlier file of the song with the same samples.
    doubts : tuple of str
        Why the label may be wrong.
    """

    song: str
    file: str
    seconds: float = 0.0
    channels: int = 0
    peak: float = -np.inf
    silent: float = 1.0
    percussive: float = 0.0
    low: float = 0.0
    high: float = 0.0
    pair: str = ""
    doubts: tuple[str, ...] = ()


def listen(
    root: str | os.PathLike[str],
    annotation: str | os.PathLike[str],
    output: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> list[Evidence]:
    """Listen to the files of an annotation, write down what they sound like, and mark doubtful rows for review.

    Parameters
    ----------
    root : path-like
        A folder for each song.
    annotation : path-like
        Rows whose audio speaks against the label become ``yes`` in the column ``review``, unless they are settled.
    output : path-like
        A CSV file with the fields of `Evidence`.
    progress : callable, optional
        Told how many files are done, and of how many.

    Raises
    ------
    CorpusError
        If the annotation cannot be read, no file of it is there, or something cannot be written.
    """
    kept = {row.key: row for row in settled(annotation)}
    rows = [kept.get(row.key, row) for row in read_annotation(annotation)]
    find = _finder(Path(root))
    heard: list[Evidence] = []
    for number, row in enumerate(rows, 1):
        heard.append(hear(row.song, row.file, find(row)))
        if progress:
            progress(number, len(rows))
    if not any(one.channels for one in heard):
        raise CorpusError(f"'{root}' holds none of the files in '{annotation}' that can be read: check the folder")
    heard = [
        replace(one, doubts=(*one.doubts, *doubts(one, row.label)))
        for one, row in zip(_paired(heard), rows, strict=True)
    ]
    heard = _unequal_pairs(heard, rows)
    fields = ("song", "file", "seconds", "channels", "peak", "silent", "percussive", "low", "high", "pair", "doubts")
    write_rows(Path(output), fields, map(_cells, heard))
    marked = (
        replace(row, review=TO_REVIEW) if one.doubts and row.review != SETTLED else row
        for one, row in zip(heard, rows, strict=True)
    )
    write_annotation(annotation, marked)
    return heard


def _finder(root: Path) -> Callable[[Row], Path]:
    """What finds a row's file as the making of stems does; a path that is not there where it finds none."""
    folders = {name_key(entry.name): entry for entry in root.iterdir() if entry.is_dir()} if root.is_dir() else {}
    files = cache(lambda song: audio_files(folders[song])[0] if song in folders else {})

    def find(row: Row) -> Path:
        there = files(name_key(row.song))
        with suppress(CorpusError):
            return there[find_file(row.song, row.file, there)]
        return root / row.song / row.file

    return find


def hear(song: str, file: str, path: Path) -> Evidence:
    """Measure one file; one that cannot be read has no channels, and its error as its doubt."""
    try:
        source = open_source(path)
        loudest, seconds, peak, silent = _survey(path)
    except AudioError as error:
        return Evidence(song, file, doubts=(str(error),))
    one = Evidence(song, file, seconds, source.channels, peak, silent)
    if peak < SILENCE:
        return one
    power = _power(loudest)
    low, high = _range(power.sum(axis=1), source.sample_rate)
    return replace(one, percussive=_percussive(power), low=low, high=high)


def doubts(one: Evidence, label: str) -> tuple[str, ...]:
    """What speaks against a label."""
    instrument = instruments().get(label)
    if instrument is None or not one.channels:
        return ()
    if one.peak < SILENCE:
        return (f"silent: its peak is {one.peak:.0f} dBFS",)
    found = []
    if instrument in _STRUCK and label not in _RINGING and one.percussive < _TOO_PITCHED:
        found.append(f"steady tones, not {label}: {one.percussive:.2f} of the energy is percussive")
    if instrument not in (*_STRUCK, "tonal_percussion", "fx_processed_sound") and one.percussive > _TOO_STRUCK:
        found.append(f"percussive, not {label}: {one.percussive:.2f} of the energy")
    if instrument == "bass" and one.low > _BASS_ABOVE:
        found.append(f"high for {label}: 95 % of the energy lies above {one.low:.0f} Hz")
    if label in _METAL and one.high < _METAL_BELOW:
        found.append(f"low for {label}: 95 % of the energy lies below {one.high:.0f} Hz")
    return tuple(found)


def _survey(path: Path) -> tuple[Numbers, float, float, float]:
    """The loudest 6 s as mono, and the whole file's length, peak in dBFS and share of silence."""
    source = open_source(path)
    size = int(_SECONDS * source.sample_rate)
    loudest, most, samples, peak = np.zeros(0, np.float32), -1.0, 0, 0.0
    quiet: list[NDArray[np.bool_]] = []
    for block in source.blocks(size):
        mono = block.mean(axis=0)
        samples += len(mono)
        peak = max(peak, float(np.abs(block).max(initial=0)))
        tenth = source.sample_rate // 10
        frames = mono[: len(mono) // tenth * tenth].reshape(-1, tenth)
        quiet.append(np.square(frames).mean(axis=1) < 10 ** (SILENCE / 10))
        if (energy := float(np.square(mono).sum())) > most:
            loudest, most = mono.astype(np.float32), energy
    share = float(np.concatenate(quiet).mean()) if sum(map(len, quiet)) else float(peak < 10 ** (SILENCE / 20))
    return loudest, samples / source.sample_rate, 20 * np.log10(peak) if peak else -np.inf, share


def _power(samples: Numbers) -> Numbers:
    """``(bin, frame)``."""
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    spectrum = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)
    power: Numbers = np.square(np.abs(spectrum)).astype(np.float32).T
    return power


def _percussive(power: Numbers) -> float:
    steady, struck = _median(power, axis=1), _median(power, axis=0)
    share = np.square(struck) / np.maximum(np.square(struck) + np.square(steady), 1e-30)
    return float((share * power).sum() / max(float(power.sum()), 1e-30))


def _median(power: Numbers, axis: int) -> Numbers:
    pad = [(0, 0), (0, 0)]
    pad[axis] = (_WIDTH // 2, _WIDTH // 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(power, pad, mode="reflect"), _WIDTH, axis=axis)
    filtered: Numbers = np.median(windows, axis=-1)
    return filtered


def _range(spectrum: Numbers, rate: int) -> tuple[float, float]:
    total = np.cumsum(spectrum) / max(float(spectrum.sum()), 1e-30)
    low, high = (int(np.searchsorted(total, share)) for share in (0.05, 0.95))
    return low * rate / _WINDOW, high * rate / _WINDOW


def _paired(heard: Sequence[Evidence]) -> list[Evidence]:
    """Name the other channel of mono files that are called left and right, and the original of a copy."""
    sides: dict[tuple[object, ...], dict[str, str]] = defaultdict(dict)
    same: dict[tuple[object, ...], str] = {}
    found = []
    for one in heard:
        name = vocabulary().parse(one.file)
        side = next((word for word in name.words if word in ("left", "right")), "")
        rest = tuple(word for word in name.words if word != side)
        if side and one.channels == 1:
            sides[one.song, rest, name.numbers, one.seconds].setdefault(side, one.file)
        measured = (one.song, one.seconds, one.channels, one.peak, one.silent, one.percussive, one.low, one.high)
        if one.peak >= SILENCE:
            found.append(replace(one, pair=same.setdefault(measured, one.file)))
        else:
            found.append(one)
    partner: dict[tuple[object, str], str] = {}
    for key, both in sides.items():
        if len(both) == 2:
            partner |= {(key[0], both["left"]): both["right"], (key[0], both["right"]): both["left"]}
    return [
        replace(one, pair=partner.get((one.song, one.file), "" if one.pair == one.file else one.pair)) for one in found
    ]


def _unequal_pairs(heard: list[Evidence], rows: list[Row]) -> list[Evidence]:
    labels = {(row.song, row.file): row.label for row in rows}

    def doubted(one: Evidence) -> Evidence:
        mine, other = labels[one.song, one.file], labels.get((one.song, one.pair))
        if not one.pair or mine == other:
            return one
        return replace(one, doubts=(*one.doubts, f"its pair '{one.pair}' is labelled {other}"))

    return [doubted(one) for one in heard]


def _cells(one: Evidence) -> tuple[str, ...]:
    figures = (f"{one.peak:.1f}", f"{one.silent:.3f}", f"{one.percussive:.3f}", f"{one.low:.0f}", f"{one.high:.0f}")
    return (one.song, one.file, f"{one.seconds:.3f}", str(one.channels), *figures, one.pair, "; ".join(one.doubts))
