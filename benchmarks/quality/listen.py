"""How right `stemtree curate listen` is on rendered stems: ``python benchmarks/quality/listen.py FOLDER``.

FOLDER holds songs of Slakh's layout. All drum stems are heard, every third of the others, and made up from them: silent
and nearly silent files, stereo files as two mono ones, copies.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import yaml

from stemtree.curation.annotation.listen import Evidence, doubts, listen
from stemtree.curation.annotation.table import Row, write_annotation

LABELS = {
    "Piano": "Piano", "Chromatic Percussion": "Marimba", "Organ": "Electric_Organ", "Guitar": "Electric_Guitar",
    "Bass": "Electric_Bass", "Strings": "String_Section", "Ensemble": "String_Section", "Brass": "Brass_Section",
    "Reed": "Saxophone", "Pipe": "Flute", "Synth Lead": "Synthesizer", "Synth Pad": "Synthesizer",
    "Synth Effects": "Synthesizer",
}  # fmt: skip
Heard = dict[str, tuple[str, Path]]


def chosen(root: Path) -> Heard:
    """Name → label and file, of drums and of every third pitched stem."""
    found: Heard = {}
    for song in sorted(path.parent for path in root.glob("*/metadata.yaml")):
        stems = yaml.safe_load((song / "metadata.yaml").read_text())["stems"]
        there = {name: one for name, one in sorted(stems.items()) if (song / "stems" / f"{name}.wav").exists()}
        drums = [name for name, one in there.items() if one["is_drum"]]
        pitched = [name for name, one in there.items() if one["inst_class"] in LABELS and not one["is_drum"]][::3]
        for name in drums + pitched:
            label = "Drum_Overheads" if name in drums else LABELS[there[name]["inst_class"]]
            found[f"{song.name} {name}.wav"] = label, song / "stems" / f"{name}.wav"
    return found


def made_up(folder: Path, stems: Heard) -> dict[str, tuple[str, str]]:
    """Write files that are silent, quiet, one side or a copy; name → label and what has to be found out."""
    found: dict[str, tuple[str, str]] = {}
    random = np.random.default_rng(0)

    def write(name: str, samples: np.ndarray, rate: int, label: str, expected: str) -> None:
        soundfile.write(folder / name, samples, rate, subtype="PCM_24")
        found[name] = label, expected

    for number, (label, file) in enumerate(list(stems.values())[:: max(len(stems) // 12, 1)]):
        samples, rate = soundfile.read(file, frames=30 * 44100, dtype="float32")
        peak = np.abs(samples).max()
        if peak == 0:
            continue
        write(f"zeros {number}.wav", samples * 0, rate, label, "silent")
        write(f"noise {number}.wav", random.normal(0, 1e-4, samples.shape), rate, label, "silent")
        write(f"faint {number}.wav", samples / peak * 10 ** (-63 / 20), rate, label, "silent")
        write(f"quiet {number}.wav", samples / peak * 10 ** (-57 / 20), rate, label, "")
        left, right = f"pair {number} L.wav", f"pair {number} R.wav"
        write(left, samples[:, 0], rate, label, right)
        write(right, samples[:, 1], rate, label, left)
        copy = f"copy of {number}.wav"
        write(copy, samples / peak * 10 ** (-57 / 20), rate, label, f"quiet {number}.wav")
    return found


def share(name: str, hits: list[bool]) -> None:
    print(f"{name:72} {sum(hits):4} of {len(hits)}")


def main() -> None:
    stems = chosen(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "song"
        folder.mkdir()
        for name, (_, file) in stems.items():
            (folder / name).symlink_to(file.resolve())
        made = made_up(folder, stems)
        labels = {name: label for name, (label, _) in (stems | made).items()}
        write_annotation(Path(scratch) / "a.csv", [Row("song", name, label, 0.9) for name, label in labels.items()])
        start = time.process_time()
        heard = {one.file: one for one in listen(scratch, f"{scratch}/a.csv", f"{scratch}/evidence.csv")}
        seconds = sum(one.seconds for one in heard.values())
        print(f"{len(heard)} files, {seconds:.0f} s of audio in {time.process_time() - start:.1f} CPU s")
    drums = [heard[name] for name, (label, _) in stems.items() if label == "Drum_Overheads"]
    pitched = [heard[name] for name, (label, _) in stems.items() if label != "Drum_Overheads"]
    report_silence(heard, made)
    report_pairs(heard, made, stems)
    report_percussion(drums, pitched, labels)


def report_silence(heard: dict[str, Evidence], made: dict[str, tuple[str, str]]) -> None:
    silent = {name for name, one in heard.items() if any(doubt.startswith("silent") for doubt in one.doubts)}
    must = {name for name, (_, expected) in made.items() if expected == "silent"}
    share("silent files called silent", [name in silent for name in sorted(must)])
    share("other files called silent", [name in silent for name in sorted(heard.keys() - must)])


def report_pairs(heard: dict[str, Evidence], made: dict[str, tuple[str, str]], stems: Heard) -> None:
    sides = {name: other for name, (_, other) in made.items() if name.startswith("pair")}
    copies = {name: other for name, (_, other) in made.items() if name.startswith("copy")}
    share(
        "sides of a stereo pair whose other side is named", [heard[name].pair == other for name, other in sides.items()]
    )
    share("copies whose original is named", [heard[name].pair == other for name, other in copies.items()])
    share("stems given a pair though they have none", [bool(heard[name].pair) for name in stems])


def report_percussion(drums: list[Evidence], pitched: list[Evidence], labels: dict[str, str]) -> None:
    share("stems with their right label doubted", [bool(doubts(one, labels[one.file])) for one in drums + pitched])
    share("drum kits labelled Electric_Guitar doubted", [bool(doubts(one, "Electric_Guitar")) for one in drums])
    share("drum kits labelled Electric_Bass doubted", [bool(doubts(one, "Electric_Bass")) for one in drums])
    share("pitched stems labelled Drum_Snare doubted", [bool(doubts(one, "Drum_Snare")) for one in pitched])
    share("pitched stems labelled Shaker doubted", [bool(doubts(one, "Shaker")) for one in pitched])
    struck, steady = (np.array([one.percussive for one in group]) for group in (drums, pitched))
    pairs = (struck[:, None] > steady).mean()
    print(f"a drum kit is more percussive than a pitched stem in {100 * pairs:.1f} % of pairs")
    for threshold in (0.04, 0.08, 0.3, 0.5, 0.6):
        above = (struck > threshold).mean(), (steady > threshold).mean()
        print(f"above {threshold}: {above[0]:.2f} of drum kits, {above[1]:.2f} of others")


if __name__ == "__main__":
    main()
