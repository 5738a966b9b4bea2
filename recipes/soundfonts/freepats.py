"""Convert the patches of Freepats to instruments in SFZ, the input of `instruments.py`.

    python recipes/soundfonts/freepats.py /usr/share/midi/freepats OUT

Writes `OUT/freepats_PROGRAMS/freepats_PROGRAMS.sfz` for each instrument, where PROGRAMS are those of General MIDI that
it is the nearest to, and `freepats` for drums. Patches have the format of the Gravis Ultrasound: a header, then key
range, loop and values of each sample. Debian package: freepats.
"""

import argparse
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np
import soundfile

from stemtree.rendering.arrange import bass_programs, melody_classes

_HEADERS, _SAMPLE = 239, "<7xBIIIHIIIh19xB40x"
_WIDE, _UNSIGNED, _LOOPS = 1, 2, 4


@dataclass
class Sample:
    """A recording, its range of keys, and the loop in samples."""

    values: np.ndarray
    rate: int
    keys: tuple[float, float]
    root: float
    loop: tuple[int, int] | None


def read_patch(file: Path) -> Iterator[Sample]:
    """Read all samples of a patch."""
    data, place = file.read_bytes(), _HEADERS
    for _ in range(data[_HEADERS - 41]):
        _, size, start, end, rate, *frequencies, _, modes = struct.unpack_from(_SAMPLE, data, place)
        place += struct.calcsize(_SAMPLE)
        kind = ("<u2" if modes & _UNSIGNED else "<i2") if modes & _WIDE else ("u1" if modes & _UNSIGNED else "i1")
        values = np.frombuffer(data, kind, size // np.dtype(kind).itemsize, place).astype(np.int32)
        place += size
        half = 1 << (15 if modes & _WIDE else 7)
        if modes & _UNSIGNED:
            values = values - half
        width = np.dtype(kind).itemsize
        low, high, root = (12 * log2(max(frequency, 1) / 440e3) + 69 for frequency in frequencies)
        loop = (start // width, end // width - 1) if modes & _LOOPS else None
        yield Sample((values * (2**15 // half)).astype(np.int16), rate, (low, high), root, loop)


def regions(file: Path, folder: Path, key: int | None) -> Iterator[str]:
    """Write a patch's samples as WAV files and yield SFZ regions; `key` is given for drums, which have one each."""
    for number, sample in enumerate(read_patch(file)):
        name = f"{file.stem}_{number}.wav"
        soundfile.write(folder / name, sample.values, sample.rate, "PCM_16")
        if key is not None:
            yield f"<region> sample={name} key={key} pitch_keycenter={key} loop_mode=one_shot"
            break
        centre = round(sample.root)
        low, high = (min(127, max(0, round(place))) for place in sample.keys)
        region = f"<region> sample={name} lokey={low} hikey={max(low, high - 1)} pitch_keycenter={centre}"
        region += f" tune={round(100 * (centre - sample.root))} ampeg_release=0.3"
        if sample.loop:
            region += " loop_mode=loop_continuous loop_start={} loop_end={}".format(*sample.loop)
        yield region


def nearest(patches: Iterable[int]) -> dict[int, list[int]]:
    """Map each patch to the programs that it is the nearest to, if possible within their class of MS21."""
    classes = [*melody_classes().values(), bass_programs()]
    found: dict[int, list[int]] = {}
    for program in range(128):
        alike = next((some for some in classes if program in some), [])
        near = min(patches, key=lambda own: (own not in alike, abs(own - program)))
        found.setdefault(near, []).append(program)
    return found


def main() -> None:
    """Convert all patches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path, metavar="OUT")
    options = parser.parse_args()
    source, out = options.source, options.out
    patches = {int(patch.name[:3]): patch for patch in sorted(source.glob("Tone_000/*.pat"))}
    jobs = {
        f"freepats_{'_'.join(map(str, played))}": [(patches[own], None)] for own, played in nearest(patches).items()
    }
    jobs["freepats"] = [(patch, int(patch.name[:3])) for patch in sorted(source.glob("Drum_000/*.pat"))]
    for name, patches in jobs.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for patch, key in patches for line in regions(patch, folder, key)]
        (folder / f"{name}.sfz").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
