"""A mixed-down song as files that add up."""

import os
import shutil
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from stemtree.audio import OutputFormat, StemWriter
from stemtree.audio.loudness import LoudnessMeter
from stemtree.audio.samples import ExactSamples
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.sessions.streams import read_spools
from stemtree.curation.stems.mixdown import STEPS, Mixdown, StemSettings

_LONGEST = 80
"""Bytes of artist and title each in a song's id, so that file names stay within what file systems take."""


def song_id(facts: SongFacts) -> str:
    """``Artist_Title`` as MedleyDB spells its ids: words joined, each with a capital, letters of any script."""
    return "_".join(_joined(name) for name in (facts.artist or "Unknown artist", facts.title))


def stem_file(name: str, number: int) -> str:
    """An instrument stem's file, numbered from 1."""
    return f"{name}_STEM_{number:02}.wav"


def group_file(name: str, node: str) -> str:
    """A MUSDB-like stem's file."""
    return f"{name}_MUSDB_{node.rpartition('/')[2]}.wav"


def raw_file(name: str, stem: int, number: int, source: Path) -> str:
    """A raw track's file, of its stem and numbered in it."""
    return f"{name}_RAW_{stem:02}_{number:02}{source.suffix.lower()}"


def write_song(song: Mixdown, name: str, folder: Path, settings: StemSettings) -> LoudnessMeter:
    """Write instrument stems, MUSDB-like stems and the mixture; return what the mixture sounds like.

    Raises
    ------
    AudioError
        If a file cannot be written.
    """
    output, steps, meter = OutputFormat("wav", settings.width), STEPS[settings.width], settings.meter()
    stems = f"{name}_STEMS"
    (folder / stems).mkdir()
    files = [f"{stems}/{stem_file(name, number)}" for number in range(1, len(song.stems) + 1)]
    files += [f"{stems}/{group_file(name, group.node)}" for group in song.groups]
    files.append(f"{name}_MIX.wav")
    with ExitStack() as stack:
        writers = [
            stack.enter_context(StemWriter(folder / file, output, settings.sample_rate, settings.channels))
            for file in files
        ]
        for signals in _whole_steps(song, settings):
            for writer, signal in zip(writers, signals, strict=True):
                writer.write(signal.astype(np.int32) if output.bits else (signal / steps).astype(np.float32))
            meter.add(signals[-1] / steps)
    return meter


def _whole_steps(song: Mixdown, settings: StemSettings) -> Iterator[list[ExactSamples]]:
    """Every stem, every group and the mixture, block by block.

    Instrument stems are rounded and everything else is the sum of the rounded, so that nothing is off. Where they
    keep their own level (`StemSettings.as_thesis`) the groups are rounded instead.
    """
    steps, own = STEPS[settings.width], settings.as_thesis
    gains = [stem.gain * (1.0 if own else group.gain * song.overall) for group in song.groups for stem in group.stems]
    for blocks in read_spools([stem.spool for stem in song.stems], song.samples):
        signals = [block * (gain * steps) for block, gain in zip(blocks, gains, strict=True)]
        stems, groups, first = [np.rint(signal) for signal in signals], [], 0
        for group in song.groups:
            last = first + len(group.stems)
            exact = np.sum(signals[first:last], axis=0) * group.gain if own else np.sum(stems[first:last], axis=0)
            groups.append(np.rint(exact))
            first = last
        mixture = np.sum(groups, axis=0)
        yield [*stems, *groups, np.rint(mixture * song.overall) if own else mixture]


def link_raw(source: Path, target: Path) -> None:
    """Give a raw track its name in the corpus without copying it, where the file system can."""
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError:
        shutil.copyfile(source, target)


def _joined(name: str) -> str:
    plain = unicodedata.normalize("NFC", name).replace("'", "").replace("\u2019", "")
    words = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in plain).split()
    joined = "".join(word[0].upper() + word[1:] for word in words) or f"Name{zlib.crc32(os.fsencode(name)):08x}"
    if len(joined.encode()) <= _LONGEST:
        return joined
    return joined.encode()[: _LONGEST - 8].decode("utf-8", "ignore") + f"{zlib.crc32(joined.encode()):08x}"
