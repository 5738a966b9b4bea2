"""Record the instruments of `modelled.orc`, played by Csound, as instruments in SFZ, the input of `instruments.py`.

    python recipes/soundfonts/modelled.py OUT

Writes `OUT/modelled_NAME_PROGRAMS/modelled_NAME_PROGRAMS.sfz` for each, with every third key of its range for 5 s.
Debian package: csound.
"""

import argparse
import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS, APART = 44100, 5, 6
RMS = 0.05
"""Of the loudest half second of each note, so that all are equally loud."""

ORCHESTRA = Path(__file__).with_name("modelled.orc")
HEAD = re.compile(r"; (?P<low>\d+) (?P<high>\d+) \| (?P<programs>[\d ]+)\ninstr (?P<name>\w+)")


def play(name: str, keys: range) -> np.ndarray:
    """Play all keys of an instrument, a note every six seconds: ``(key, sample)``."""
    notes = [f'i "{name}" {APART * number} {SECONDS} {440 * 2 ** ((key - 69) / 12)}' for number, key in enumerate(keys)]
    with tempfile.TemporaryDirectory() as folder:
        score, wave = Path(folder, "notes.sco"), Path(folder, "notes.wav")
        score.write_text("\n".join([*notes, f"f 0 {APART * len(keys)}", "e"]) + "\n", "utf-8")
        command = ["csound", "-d", "-m0", "-W", "-f", "-o", str(wave), str(ORCHESTRA), str(score)]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        samples, _ = soundfile.read(wave, dtype="float32")
    num_samples = APART * RATE * len(keys)
    return np.pad(samples, (0, max(0, num_samples - len(samples))))[:num_samples].reshape(len(keys), APART * RATE)


def normalised(note: np.ndarray) -> np.ndarray:
    """Remove the offset of a note and scale it to `RMS`; one that is silent or not a number is an error."""
    note = note[: SECONDS * RATE] - note.mean()
    halves = note.reshape(-1, RATE // 2)
    loudest = np.sqrt((halves**2).mean(axis=1).max())
    if not loudest > 1e-6:
        raise ValueError(f"the RMS of a note is {loudest}")
    note = note * (RMS / loudest)
    return note / max(1.0, np.abs(note).max())


def main() -> None:
    """Write all instruments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    out = parser.parse_args().out
    for head in HEAD.finditer(ORCHESTRA.read_text("utf-8")):
        keys = range(int(head["low"]), int(head["high"]) + 1, 3)
        name = f"modelled_{head['name']}_{head['programs'].replace(' ', '_')}"
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        lines, borders = [], [0, *[key - 1 for key in keys[1:]], 128]
        for key, note, (low, end) in zip(keys, play(head["name"], keys), pairwise(borders), strict=True):
            soundfile.write(folder / f"{key}.wav", normalised(note), RATE, "PCM_16")
            lines.append(
                f"<region> sample={key}.wav lokey={low} hikey={end - 1} pitch_keycenter={key} ampeg_release=0.25"
            )
        (folder / f"{name}.sfz").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
