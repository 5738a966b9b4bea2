"""Write Hydrogen's drum kits as kits in SFZ, for `instruments.py` to make soundfonts of.

    python recipes/soundfonts/drumkits.py /usr/share/hydrogen/data/drumkits OUT

OUT gets `NAME/NAME.sfz` for each kit whose licence is clear about what is played with it. Each instrument gets a key of
General MIDI that its name tells of; keys without one get a similar one's. Debian package: hydrogen-drumkits.
"""

import re
import sys
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
LIKE = {
    36: 35, 37: 38, 39: 38, 40: 38, 44: 42, 46: 42, 41: 45, 43: 41, 45: 41, 47: 45, 48: 45, 50: 48,
    49: 46, 52: 49, 55: 49, 57: 49, 51: 49, 53: 51, 59: 51,
}  # fmt: skip
"""Where there is nothing for a key, another's sound."""


def regions(kit: Path, folder: Path) -> dict[int, list[str]]:
    """Write a kit's samples as WAV; for each key what SFZ is told of it, a line for each strength of a stroke."""
    keys: dict[int, list[str]] = {}
    for instrument in xml.parse(kit / "drumkit.xml").getroot().iter():
        if not instrument.tag.endswith("instrument"):
            continue
        told = {element.tag.split("}")[-1]: element.text for element in instrument}
        name = (told.get("name") or "").lower()
        meant = next((some for words, some in KEYS.items() if re.search(words, name)), ())
        key = next((key for key in meant if key not in keys), None)
        if key is not None:
            keys[key] = _layers(kit, instrument, folder, key)
    for key, other in LIKE.items():
        if key not in keys and keys.get(other):
            keys[key] = [line.replace(f"key={other} ", f"key={key} ") for line in keys[other]]
    return keys


def _layers(kit: Path, instrument: xml.Element, folder: Path, key: int) -> list[str]:
    layers = [element for element in instrument.iter() if element.tag.endswith("layer")] or [instrument]
    lines = []
    for layer in layers:
        told = {element.tag.split("}")[-1]: element.text for element in layer}
        if not told.get("filename"):
            continue
        wave = folder / f"{Path(told['filename']).stem}.wav"
        if not wave.exists():
            samples, rate = soundfile.read(kit / told["filename"], dtype="int16")
            soundfile.write(wave, samples, rate, "PCM_16")
        low, high = (round(127 * float(told.get(end) or default)) for end, default in (("min", 0), ("max", 1)))
        lines.append(
            f"<region> sample={wave.name} lovel={min(low + 1, 127)} hivel={high} key={key} pitch_keycenter={key} "
            "loop_mode=one_shot"
        )
    return lines


def main() -> None:
    """Convert all that is there."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in KITS:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for layers in regions(source / name, folder).values() for line in layers]
        (folder / f"{name}.sfz").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
