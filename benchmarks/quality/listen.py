"""Measure the accuracy of `stemtree curate listen` on rendered stems.

    python benchmarks/quality/listen.py FOLDER

FOLDER holds songs in Slakh's layout. The files are all drum stems, every third of the other stems, and files made from
them: silent and nearly silent ones, stereo stems split into two mono files, and copies.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import yaml

from stemtree.curation.annotation.listen import Evidence, doubts_about, listen
from stemtree.curation.annotation.table import AnnotationRow, write_annotation

LABELS = {
    "Piano": "Piano", "Chromatic Percussion": "Marimba", "Organ": "Electric_Organ", "Guitar": "Electric_Guitar",
    "Bass": "Electric_Bass", "Strings": "String_Section", "Ensemble": "String_Section", "Brass": "Brass_Section",
    "Reed": "Saxophone", "Pipe": "Flute", "Synth Lead": "Synthesizer", "Synth Pad": "Synthesizer",
    "Synth Effects": "Synthesizer",
}  # fmt: skip
Files = dict[str, tuple[str, Path]]


def select_stems(root: Path) -> Files:
    """Select drums and every third pitched stem: label and file by name."""
    found: Files = {}
    for song in sorted(path.parent for path in root.glob("*/metadata.yaml")):
        stems = yaml.safe_load((song / "metadata.yaml").read_text())["stems"]
        existing = {name: one for name, one in sorted(stems.items()) if (song / "stems" / f"{name}.wav").exists()}
        drums = [name for name, one in existing.items() if one["is_drum"]]
        pitched = [name for name, one in existing.items() if one["inst_class"] in LABELS and not one["is_drum"]][::3]
        for name in drums + pitched:
            label = "Drum_Overheads" if name in drums else LABELS[existing[name]["inst_class"]]
            found[f"{song.name} {name}.wav"] = label, song / "stems" / f"{name}.wav"
    return found


def derived_files(folder: Path, stems: Files) -> dict[str, tuple[str, str]]:
    """Write silent files, quiet ones, halves of stereo files and copies; label and expected finding by name."""
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


def print_share(name: str, hits: list[bool]) -> None:
    """Print how many of the hits are true."""
    print(f"{name:72} {sum(hits):4} of {len(hits)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    stems = select_stems(parser.parse_args().folder)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "song"
        folder.mkdir()
        for name, (_, file) in stems.items():
            (folder / name).symlink_to(file.resolve())
        derived = derived_files(folder, stems)
        labels = {name: label for name, (label, _) in (stems | derived).items()}
        rows = [AnnotationRow("song", name, label, 0.9) for name, label in labels.items()]
        write_annotation(Path(scratch) / "a.csv", rows)
        start = time.process_time()
        evidence = {one.file: one for one in listen(scratch, f"{scratch}/a.csv", f"{scratch}/evidence.csv")}
        seconds = sum(one.seconds for one in evidence.values())
        print(f"{len(evidence)} files, {seconds:.0f} s of audio in {time.process_time() - start:.1f} CPU s")
    drums = [evidence[name] for name, (label, _) in stems.items() if label == "Drum_Overheads"]
    pitched = [evidence[name] for name, (label, _) in stems.items() if label != "Drum_Overheads"]
    report_silence(evidence, derived)
    report_pairs(evidence, derived, stems)
    report_percussion(drums, pitched, labels)


def report_silence(evidence: dict[str, Evidence], derived: dict[str, tuple[str, str]]) -> None:
    """Print how many silent files, and how many others, are called silent."""
    silent = {name for name, one in evidence.items() if any(doubt.startswith("silent") for doubt in one.doubts)}
    must = {name for name, (_, expected) in derived.items() if expected == "silent"}
    print_share("silent files called silent", [name in silent for name in sorted(must)])
    print_share("other files called silent", [name in silent for name in sorted(evidence.keys() - must)])


def report_pairs(evidence: dict[str, Evidence], derived: dict[str, tuple[str, str]], stems: Files) -> None:
    """Print how many halves of stereo files and copies are found."""
    sides = {name: other for name, (_, other) in derived.items() if name.startswith("pair")}
    copies = {name: other for name, (_, other) in derived.items() if name.startswith("copy")}
    print_share(
        "sides of a stereo pair whose other side is named",
        [evidence[name].pair == other for name, other in sides.items()],
    )
    print_share("copies whose original is named", [evidence[name].pair == other for name, other in copies.items()])
    print_share("stems given a pair though they have none", [bool(evidence[name].pair) for name in stems])


def report_percussion(drums: list[Evidence], pitched: list[Evidence], labels: dict[str, str]) -> None:
    """Print how many right and wrong labels are doubted, and how well percussion is told apart."""
    print_share(
        "stems with their right label doubted", [bool(doubts_about(one, labels[one.file])) for one in drums + pitched]
    )
    for kind, group, wrong_labels in (
        ("drum kits", drums, ("Electric_Guitar", "Electric_Bass")),
        ("pitched stems", pitched, ("Drum_Snare", "Shaker")),
    ):
        for label in wrong_labels:
            print_share(f"{kind} labelled {label} doubted", [bool(doubts_about(one, label)) for one in group])
    struck, steady = (np.array([one.percussive for one in group]) for group in (drums, pitched))
    pairs = (struck[:, None] > steady).mean()
    print(f"a drum kit is more percussive than a pitched stem in {100 * pairs:.1f} % of pairs")
    for threshold in (0.04, 0.08, 0.3, 0.5, 0.6):
        above = (struck > threshold).mean(), (steady > threshold).mean()
        print(f"above {threshold}: {above[0]:.2f} of drum kits, {above[1]:.2f} of others")


if __name__ == "__main__":
    main()
