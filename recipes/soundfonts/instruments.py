"""Convert instruments in SFZ to soundfonts, one for each program of General MIDI that they can play.

    python recipes/soundfonts/instruments.py INSTRUMENTS OUT

INSTRUMENTS holds `NAME/NAME.sfz` for each instrument. Writes `OUT/NAME_PROGRAM.sf2`, and `OUT/NAME_kit.sf2` for drum
kits. The programs of a name are listed in `PROGRAMS` or are its last numbers, as in `freepats_24_25`; a name without
any is a drum kit. Debian package: polyphone.
"""

import argparse
import os
import re
import struct
import subprocess
import tempfile
from pathlib import Path

PROGRAMS: dict[str, list[int]] = {
    "acoustic_grand_piano": [0, 1],
    "bright_acoustic_piano": [0, 1, 3],
    "electric_grand_piano": [2],
    "electric_piano_1": [4, 5],
    "acoustic_guitar_steel": [24, 25],
    "electric_guitar_strat": [26, 27, 28, 29, 30],
    "alto_sax": [64, 65, 66],
    "tremolo_strings": [44, 48, 49],
    "pizzicato_strings": [45],
}


def with_program(soundfont: bytes, program: int) -> bytes:
    """Change the program of a soundfont's first preset, which polyphone sets to 0."""
    first = soundfont.index(b"phdr") + 8
    return soundfont[: first + 20] + struct.pack("<HH", program, 0) + soundfont[first + 24 :]


def main() -> None:
    """Convert all instruments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instruments", type=Path)
    parser.add_argument("out", type=Path, metavar="OUT")
    options = parser.parse_args()
    source, out = options.instruments, options.out
    out.mkdir(parents=True, exist_ok=True)
    for sfz in sorted(source.glob("*/*.sfz")):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": folder}
            command = ["polyphone", "-1", "-i", str(sfz), "-d", folder, "-o", sfz.stem]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            converted = Path(folder, f"{sfz.stem}.sf2").read_bytes()
        name, *numbers = re.split(r"_(?=\d)", sfz.stem)
        name, programs = (sfz.stem, PROGRAMS[sfz.stem]) if sfz.stem in PROGRAMS else (name, [int(n) for n in numbers])
        for program in programs:
            (out / f"{name}_{program}.sf2").write_bytes(with_program(converted, program))
        if not programs:
            (out / f"{sfz.stem}_kit.sf2").write_bytes(converted)


if __name__ == "__main__":
    main()
