"""The files of a song: their names, and stems that add up sample by sample."""

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
from stemtree.curation.stems.mixdown import Mixdown
from stemtree.curation.stems.settings import STEPS, StemSettings

_MAX_BYTES = 80
"""Of artist and title each in a song's id, so that file names are no longer than file systems allow."""


def song_id(facts: SongFacts) -> str:
    """``Artist_Title`` as MedleyDB spells its ids: words joined, each with a capital, letters of any script."""
    return "_".join(_join_words(name) for name in (facts.artist or "Unknown artist", facts.title))


def stem_file(name: str, number: int) -> str:
    """An instrument stem's file, numbered from 1."""
    return f"{name}_STEM_{number:02}.wav"


def musdb_stem_file(name: str, node: str) -> str:
    """A MUSDB-like stem's file."""
    return f"{name}_MUSDB_{node.rpartition('/')[2]}.wav"


def raw_file(name: str, stem: int, number: int, source: Path) -> str:
    """A raw track's file, numbered by its stem and within the stem."""
    return f"{name}_RAW_{stem:02}_{number:02}{source.suffix.lower()}"


def write_song(song: Mixdown, name: str, folder: Path, settings: StemSettings) -> LoudnessMeter:
    """Write instrument stems, MUSDB-like stems and the mixture.

    Returns
    -------
    LoudnessMeter
        Of the mixture.

    Raises
    ------
    AudioError
        If a file cannot be written.
    """
    output, steps, meter = OutputFormat("wav", settings.width), STEPS[settings.width], settings.meter()
    stems = f"{name}_STEMS"
    (folder / stems).mkdir()
    files = [f"{stems}/{stem_file(name, number)}" for number in range(1, len(song.stems) + 1)]
    files += [f"{stems}/{musdb_stem_file(name, stem.node)}" for stem in song.musdb_stems]
    files.append(f"{name}_MIX.wav")
    with ExitStack() as stack:
        writers = [
            stack.enter_context(StemWriter(folder / file, output, settings.sample_rate, settings.channels))
            for file in files
        ]
        for signals in _round_to_steps(song, settings):
            for writer, signal in zip(writers, signals, strict=True):
                writer.write(signal.astype(np.int32) if output.bits else (signal / steps).astype(np.float32))
            meter.add(signals[-1] / steps)
    return meter


def _round_to_steps(song: Mixdown, settings: StemSettings) -> Iterator[list[ExactSamples]]:
    """Instrument stems, MUSDB-like stems and the mixture, block by block, in whole steps.

    Instrument stems are rounded and everything else is the sum of the rounded ones, so that the sums are exact. Where
    instrument stems stay at their own targets (`StemSettings.as_thesis`) the MUSDB-like stems are rounded instead.
    """
    steps, as_thesis = STEPS[settings.width], settings.as_thesis
    gains = [
        stem.gain * (1.0 if as_thesis else musdb_stem.gain * song.overall_gain)
        for musdb_stem in song.musdb_stems
        for stem in musdb_stem.stems
    ]
    for blocks in read_spools([stem.spool for stem in song.stems], song.num_samples):
        signals = [block * (gain * steps) for block, gain in zip(blocks, gains, strict=True)]
        stems, musdb_stems, first = [np.rint(signal) for signal in signals], [], 0
        for musdb_stem in song.musdb_stems:
            beneath = slice(first, first + len(musdb_stem.stems))
            beneath_sum = np.sum((signals if as_thesis else stems)[beneath], axis=0)
            musdb_stems.append(np.rint(beneath_sum * musdb_stem.gain if as_thesis else beneath_sum))
            first = beneath.stop
        mixture = np.sum(musdb_stems, axis=0)
        yield [*stems, *musdb_stems, np.rint(mixture * song.overall_gain) if as_thesis else mixture]


def link_raw(source: Path, target: Path) -> None:
    """Link a raw track's file into the corpus; copy it where the file system has no links."""
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError:
        shutil.copyfile(source, target)


def _join_words(name: str) -> str:
    """A name without blanks and punctuation, each word with a capital; never empty."""
    plain = unicodedata.normalize("NFC", name).replace("'", "").replace("\u2019", "")
    words = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in plain).split()
    joined = "".join(word[0].upper() + word[1:] for word in words) or f"Name{zlib.crc32(os.fsencode(name)):08x}"
    if len(joined.encode()) <= _MAX_BYTES:
        return joined
    return joined.encode()[: _MAX_BYTES - 8].decode("utf-8", "ignore") + f"{zlib.crc32(joined.encode()):08x}"
