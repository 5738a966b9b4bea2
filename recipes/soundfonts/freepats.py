"""Write Freepats' patches as instruments in SFZ, for `instruments.py` to make soundfonts of.

    python recipes/soundfonts/freepats.py /usr/share/midi/freepats OUT

OUT gets `freepats_PROGRAMS/freepats_PROGRAMS.sfz` for each of its instruments, PROGRAMS being those of General MIDI
that it is nearest to, and `freepats` for drums. Patches are Gravis Ultrasound's: a header, then for each sample its
range, loop and 16-bit values. Debian package: freepats.
"""

import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np
import soundfile

from stemtree.rendering.midi import bass_programs, melody_classes

_HEADERS, _SAMPLE = 239, "<7xBIIIHIIIh19xB40x"
_WIDE, _UNSIGNED, _LOOPS = 1, 2, 4


@dataclass
class Sample:
    """A recording, the keys that it serves, and the samples between which it is repeated."""

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
    """Write a patch's samples and tell SFZ of them; of drums each has one key."""
    for number, sample in enumerate(read_patch(file)):
        name = f"{file.stem}_{number}.wav"
        soundfile.write(folder / name, sample.values, sample.rate, "PCM_16")
        if key is not None:
            yield f"<region> sample={name} key={key} pitch_keycenter={key} loop_mode=one_shot"
            break
        centre = round(sample.root)
        low, high = (min(127, max(0, round(place))) for place in sample.keys)
        told = f"<region> sample={name} lokey={low} hikey={max(low, high - 1)} pitch_keycenter={centre}"
        told += f" tune={round(100 * (centre - sample.root))} ampeg_release=0.3"
        if sample.loop:
            told += " loop_mode=loop_continuous loop_start={} loop_end={}".format(*sample.loop)
        yield told


def nearest(patches: Iterable[int]) -> dict[int, list[int]]:
    """For each program that there is, those that it is the nearest to: within their class of MS21, if it has any."""
    classes = [*melody_classes().values(), bass_programs()]
    found: dict[int, list[int]] = {}
    for program in range(128):
        alike = next((some for some in classes if program in some), [])
        near = min(patches, key=lambda own: (own not in alike, abs(own - program)))
        found.setdefault(near, []).append(program)
    return found


def main() -> None:
    """Convert all that is there."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
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
