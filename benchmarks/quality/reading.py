"""Whether files are read as FFmpeg decodes them: counts of samples, rate, channels, and what is refused.

    python benchmarks/quality/reading.py FOLDER... [--list]

Every file whose name is one of an audio file, or whose ending stands in OTHERS, is read with stemtree and decoded with
FFmpeg's libraries alone (PyAV, all packets, going on after errors). Prints a table by ending; with --list every file
that is refused or different. Public test files of tag libraries and of FLAC:

    for repo in quodlibet/mutagen Borewit/music-metadata taglib/taglib ietf-wg-cellar/flac-test-files tinytag/tinytag \
        metabrainz/picard; do git clone --depth 1 https://github.com/$repo; done
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from stemtree.audio import is_audio_name, open_source
from stemtree.errors import StemtreeError

OTHERS = frozenset((".id3", ".oggtheora", ".ogv", ".ofr", ".ofs", ".wmv"))
"""Endings of files with audio that a folder of songs does not usually hold."""

LONGEST_OFFSET = 1 << 12
"""By how many samples two decoders may begin apart: the delay of encoders, of which one tells and one does not."""


@dataclass(frozen=True)
class Audio:
    """What was read of a file: its rate, ``(channel, sample)`` samples and what went wrong."""

    sample_rate: int
    samples: NDArray[np.float64]
    error: str = ""


def ours(path: Path) -> Audio:
    """As stemtree reads it."""
    try:
        source = open_source(path)
        blocks = list(source.blocks(1 << 16))
    except StemtreeError as error:
        return Audio(0, np.empty((0, 0)), str(error).replace(str(path), path.name))
    except Exception as error:
        return Audio(0, np.empty((0, 0)), f"TRACEBACK {error!r}")
    return Audio(source.sample_rate, np.concatenate(blocks, axis=1))


def theirs(path: Path) -> Audio:
    """As FFmpeg decodes it: the first audio stream, up to a change of rate or channels."""
    pieces: list[NDArray[np.float64]] = []
    rate, error = 0, ""
    try:
        with av.open(f"file:{path.absolute()}", metadata_errors="replace") as container:
            for frame in _frames(container):
                channels = frame.layout.nb_channels
                if pieces and (rate, len(pieces[0])) != (frame.sample_rate, channels):
                    error = "changes rate or channels"
                    break
                rate = frame.sample_rate
                samples = frame.to_ndarray()
                exact = (samples if frame.format.is_planar else samples.reshape(-1, channels).T).astype(np.float64)
                scale = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31}.get(frame.format.name.removesuffix("p"), 1.0)
                pieces.append((exact - (128 if frame.format.name.startswith("u8") else 0)) / scale)
    except (av.FFmpegError, IndexError, ValueError) as failure:
        error = type(failure).__name__
    return Audio(rate, np.concatenate(pieces, axis=1) if pieces else np.empty((0, 0)), error)


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):  # what was read so far counts
            return
        try:
            yield from packet.decode()
        except (av.FFmpegError, ValueError):
            continue


def compare(path: Path) -> tuple[str, str]:
    """One word for the table, and the details."""
    mine, reference = ours(path), theirs(path)
    if mine.error:
        kind = "refused by both" if not reference.samples.size else "refused"
        return kind, f"{mine.error} | FFmpeg: {reference.samples.shape[-1]} samples {reference.error}"
    if not reference.samples.size:
        return "read by us alone", f"{mine.samples.shape[1]} samples | FFmpeg: {reference.error}"
    if (mine.sample_rate, len(mine.samples)) != (reference.sample_rate, len(reference.samples)):
        return (
            "different",
            f"{mine.sample_rate} Hz, {mine.samples.shape} | {reference.sample_rate} Hz, {reference.samples.shape}",
        )
    offset, error = _align(mine.samples, reference.samples)
    lengths = f"{mine.samples.shape[1]} | {reference.samples.shape[1]} samples, {offset} apart, {error:.1e} off"
    if error > 1e-3:
        return "other values", lengths
    return ("equal" if mine.samples.shape == reference.samples.shape else "other length"), lengths


def _align(mine: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[int, float]:
    """By how many samples ours begins later, and the largest difference from there on."""
    best = (0, np.inf)
    difference = reference.shape[1] - mine.shape[1]
    for offset in sorted({0, difference, 128, 529, 1105, 576, 1152, 1024, 312, -128, -1105}, key=abs):
        if abs(offset) > LONGEST_OFFSET:
            continue
        a, b = mine[:, max(0, -offset) :], reference[:, max(0, offset) :]
        count = min(a.shape[1], b.shape[1])
        if count:
            error = float(np.abs(a[:, :count] - b[:, :count]).max())
            best = min(best, (offset, error), key=lambda pair: pair[1])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--list", action="store_true", help="print every file that is refused or different")
    arguments = parser.parse_args()
    files = sorted(file for folder in arguments.folders for file in folder.rglob("*") if file.is_file())
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for file in files:
        if file.suffix.lower() in OTHERS or is_audio_name(file):
            kind, details = compare(file)
            table[file.suffix.lower()][kind] += 1
            if arguments.list and kind != "equal":
                print(f"{kind}: {file}: {details}", flush=True)
    kinds = ["equal", "other length", "other values", "different", "read by us alone", "refused", "refused by both"]
    print(f"| ending | files | {' | '.join(kinds)} |\n|---|---|{'---|' * len(kinds)}")
    total: Counter[str] = sum(table.values(), Counter())
    for name, row in [*sorted(table.items()), ("all", total)]:
        print(f"| {name} | {row.total()} | {' | '.join(str(row[kind] or '') for kind in kinds)} |")


if __name__ == "__main__":
    main()
