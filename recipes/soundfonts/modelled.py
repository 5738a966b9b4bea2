"""Let Csound play the instruments of `modelled.orc`, and write them in SFZ for `instruments.py` to make soundfonts of.

    python recipes/soundfonts/modelled.py OUT

OUT gets `modelled_NAME_PROGRAMS/modelled_NAME_PROGRAMS.sfz` for each, with every third key of its range for 5 s.
Debian package: csound.
"""

import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS, APART = 44100, 5, 6
LEVEL = 0.05
"""Of each note's loudest half second, so that none stands out."""

ORCHESTRA = Path(__file__).with_name("modelled.orc")
HEAD = re.compile(r"; (?P<low>\d+) (?P<high>\d+) \| (?P<programs>[\d ]+)\ninstr (?P<name>\w+)")


def play(name: str, keys: range) -> np.ndarray:
    """All keys of an instrument, a note every six seconds: ``(key, sample)``."""
    notes = [f'i "{name}" {APART * number} {SECONDS} {440 * 2 ** ((key - 69) / 12)}' for number, key in enumerate(keys)]
    with tempfile.TemporaryDirectory() as folder:
        score, wave = Path(folder, "notes.sco"), Path(folder, "notes.wav")
        score.write_text("\n".join([*notes, f"f 0 {APART * len(keys)}", "e"]) + "\n", "utf-8")
        command = ["csound", "-d", "-m0", "-W", "-f", "-o", str(wave), str(ORCHESTRA), str(score)]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        samples, _ = soundfile.read(wave, dtype="float32")
    long = APART * RATE
    return np.pad(samples, (0, max(0, long * len(keys) - len(samples))))[: long * len(keys)].reshape(len(keys), long)


def levelled(note: np.ndarray) -> np.ndarray:
    """A note of the common level, without an offset; one that is silent or not a number is a mistake."""
    note = note[: SECONDS * RATE] - note.mean()
    halves = note.reshape(-1, RATE // 2)
    loudest = np.sqrt((halves**2).mean(axis=1).max())
    if not loudest > 1e-6:
        raise ValueError(f"a note's level is {loudest}")
    note = note * (LEVEL / loudest)
    return note / max(1.0, np.abs(note).max())


def main() -> None:
    """Write all instruments."""
    out = Path(sys.argv[1])
    for head in HEAD.finditer(ORCHESTRA.read_text("utf-8")):
        keys = range(int(head["low"]), int(head["high"]) + 1, 3)
        name = f"modelled_{head['name']}_{head['programs'].replace(' ', '_')}"
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        lines, borders = [], [0, *[key - 1 for key in keys[1:]], 128]
        for key, note, (low, end) in zip(keys, play(head["name"], keys), pairwise(borders), strict=True):
            soundfile.write(folder / f"{key}.wav", levelled(note), RATE, "PCM_16")
            lines.append(
                f"<region> sample={key}.wav lokey={low} hikey={end - 1} pitch_keycenter={key} ampeg_release=0.25"
            )
        (folder / f"{name}.sfz").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
