"""Convert the drum kits of Hydrogen to SFZ, the input of `instruments.py`.

    python recipes/soundfonts/drumkits.py /usr/share/hydrogen/data/drumkits OUT

Writes `OUT/NAME/NAME.sfz` for each kit whose licence clearly permits music made with it. Each instrument is mapped to a
key of General MIDI by its name; keys that nothing is mapped to get the sound of a similar key. Debian package:
hydrogen-drumkits.
"""

import argparse
import re
import xml.etree.ElementTree as xml
from pathlib import Path

import soundfile

KITS = [
    "Audiophob", "BJA_Pacific", "ColomboAcousticDrumkit", "ElectricEmpireKit", "HardElectro1", "VariBreaks",
    "rumpf_kit_z01_h2",
]  # fmt: skip
KEYS = {
    r"kick|bass ?drum": (35, 36),
    r"stick|rim|click": (37,),
    r"clap": (39,),
    r"snare|^redo": (38, 40),
    r"(hh|hat).*(pedal|pd)|pedal": (44,),
    r"(hh|hat).*(op|free)|open": (46,),
    r"hh|hat": (42,),
    r"tom.*low|low tom|floor": (41, 43),
    r"tom.*mid|middle tom|tom$|drum 1": (45, 47),
    r"tom ?hi|high tom|drum 2": (48, 50),
    r"crash|cymbal": (49, 52, 55, 57),
    r"bell|cup": (53,),
    r"ride": (51, 59),
    r"cowbell": (56,),
}
SIMILAR = {
    36: 35, 37: 38, 39: 38, 40: 38, 44: 42, 46: 42, 41: 45, 43: 41, 45: 41, 47: 45, 48: 45, 50: 48,
    49: 46, 52: 49, 55: 49, 57: 49, 51: 49, 53: 51, 59: 51,
}  # fmt: skip
"""The key whose sound is used where nothing is mapped to a key."""


def regions(kit: Path, folder: Path) -> dict[int, list[str]]:
    """Write a kit's samples as WAV files; return SFZ regions by key, one for each range of velocities."""
    keys: dict[int, list[str]] = {}
    for instrument in xml.parse(kit / "drumkit.xml").getroot().iter():
        if not instrument.tag.endswith("instrument"):
            continue
        fields = {element.tag.split("}")[-1]: element.text for element in instrument}
        name = (fields.get("name") or "").lower()
        possible = next((some for words, some in KEYS.items() if re.search(words, name)), ())
        key = next((key for key in possible if key not in keys), None)
        if key is not None:
            keys[key] = _layers(kit, instrument, folder, key)
    for key, other in SIMILAR.items():
        if key not in keys and keys.get(other):
            keys[key] = [line.replace(f"key={other} ", f"key={key} ") for line in keys[other]]
    return keys


def _layers(kit: Path, instrument: xml.Element, folder: Path, key: int) -> list[str]:
    layers = [element for element in instrument.iter() if element.tag.endswith("layer")] or [instrument]
    lines = []
    for layer in layers:
        fields = {element.tag.split("}")[-1]: element.text for element in layer}
        if not fields.get("filename"):
            continue
        wave = folder / f"{Path(fields['filename']).stem}.wav"
        if not wave.exists():
            samples, rate = soundfile.read(kit / fields["filename"], dtype="int16")
            soundfile.write(wave, samples, rate, "PCM_16")
        low, high = (round(127 * float(fields.get(end) or default)) for end, default in (("min", 0), ("max", 1)))
        lines.append(
            f"<region> sample={wave.name} lovel={min(low + 1, 127)} hivel={high} key={key} pitch_keycenter={key} "
            "loop_mode=one_shot"
        )
    return lines


def main() -> None:
    """Convert all kits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path, metavar="OUT")
    options = parser.parse_args()
    for name in KITS:
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for layers in regions(options.source / name, folder).values() for line in layers]
        (folder / f"{name}.sfz").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
