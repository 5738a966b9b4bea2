"""What real guitars and basses are taken for: the confusion of `stemtree confusion` on real multitracks.

    python benchmarks/quality/real_confusion.py FIGURE.png --frets FOLDER --remixed FOLDER --trio FOLDER

FRETS is ``data/songs`` of Debian's fretsonfire-songs-muldjord: four songs of real electric guitar against the rest of
their band. Those of -sectoid are left out: the default model has learned from them. REMIXED is ``src`` of
ichbinsoftware/everythingisremixed, of which song 2 is read: electronic pop; the default model has learned from others.
TRIO is the sample that `real_songs.py` reads, beside which "Falcon 69" is always read. What no leaf is known of has
the leaf `unlabelled`, which is in no estimate's tree, and is not shown.
"""

import argparse
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from real_songs import BASS, DRUMS, Audio, falcon, trio

from stemtree.audio.read import read
from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.salience import Chunking
from stemtree.evaluation.confusion import REST, Confusion, summarise_confusion
from stemtree.evaluation.confusion_figure import draw_confusion
from stemtree.evaluation.estimators.pipeline import Pipeline
from stemtree.evaluation.evaluate import evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load
from stemtree.hierarchy.node import Node

UNLABELLED, OTHER = "unlabelled", "accompaniment/other"
DRUM_SET, KEYS = f"{DRUMS}/drum_set", f"{OTHER}/electronic_keyboards"
GUITAR, PIANOS = f"{OTHER}/electric_guitar", f"{OTHER}/pianos"
LEAVES = {
    r"BGVOX": "vocal/backing_vocal",
    r"VOX": "vocal/lead_vocal",
    r"SY BASS|BASS STAB": BASS,
    r"PIANO": PIANOS,
    r"ARP|PLUCK|PAD|BEEP|SYNTH|STAB": KEYS,
    r"HH|HAT|KICK|SNARE|TOM|CRASH|BEAT|DRUM|CLAP|K & SN|TOPS|PRC|CRUSH": DRUM_SET,
}
"""What stems of everythingisremixed are called, the first that fits; others are sweeps and effects."""


def write_song(folder: Path, name: str, stems: dict[str, Audio], rate: int) -> Track:
    """Write the ``(channel, sample)`` signals of leaves, at half of their loudness, so that none clips."""
    (folder / name).mkdir()
    written = []
    for number, (leaf, audio) in enumerate(stems.items()):
        file = folder / name / f"{number}.flac"
        soundfile.write(file, audio.T / 2, rate, "PCM_24")
        written.append(Stem(f"{number}", leaf, leaf, AudioFile(file)))
    return Track(name, "test", rate, max(audio.shape[1] for audio in stems.values()), tuple(written))


def remixed(song: Path) -> tuple[dict[str, Audio], int]:
    """Add up the stems of each leaf of a song of everythingisremixed."""
    leaves: dict[str, Audio] = {}
    rate = 0
    for file in sorted(song.glob("*_Stem_*.m4a")):
        if not file.stem.endswith("_mobile"):
            name = file.stem.partition("_Stem_")[2].replace("_", " ")
            leaf = next((leaf for pattern, leaf in LEAVES.items() if re.search(pattern, name)), UNLABELLED)
            samples, rate = read(file)
            total = leaves.setdefault(leaf, np.zeros_like(samples, np.float32))
            length = min(total.shape[1], samples.shape[1])
            total[:, :length] += samples[:, :length]
    return leaves, rate


def songs(options: argparse.Namespace, folder: Path) -> Iterator[Track]:
    """Read what there is."""
    _, stems, rate = falcon()
    leaves = {"vocal": "vocal/lead_vocal", BASS: BASS, DRUMS: DRUM_SET, OTHER: UNLABELLED}
    yield write_song(folder, "Falcon 69", {leaves[node]: audio for node, audio in stems.items()}, rate)
    if options.trio:
        _, stems, rate = trio(options.trio)
        leaves = {BASS: BASS, DRUMS: DRUM_SET, PIANOS: PIANOS}
        yield write_song(folder, "jazz trio", {leaf: stems[node] for node, leaf in leaves.items()}, rate)
    for guitar in sorted(options.frets.glob("muldjord/*/guitar.ogg")) if options.frets else ():
        parts = {GUITAR: guitar, UNLABELLED: guitar.with_name("song.ogg")}
        stems = {leaf: soundfile.read(file, dtype="float32", always_2d=True)[0].T for leaf, file in parts.items()}
        yield write_song(folder, guitar.parent.name, stems, soundfile.info(guitar).samplerate)
    if options.remixed:
        (place,) = options.remixed.glob("2.*")
        yield write_song(folder, place.name, *remixed(place))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", type=Path)
    for name in ("frets", "remixed", "trio"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--hop", type=float, default=30.0, help="measure 10 s of every so many seconds")
    options = parser.parse_args()
    if options.frets and not list(options.frets.glob("muldjord/*/guitar.ogg")):
        parser.error(f"there is no muldjord/*/guitar.ogg in '{options.frets}': give data/songs of Debian's package")
    ms21 = load("ms21")
    tree = Hierarchy("ms21_unlabelled", replace(ms21.root, children=(*ms21.root.children, Node(UNLABELLED))))
    with tempfile.TemporaryDirectory() as temporary:
        tracks = tuple(songs(options, Path(temporary)))
        corpus = Corpus(Path(temporary), "folder", tree.name, tracks)
        # Excerpts of 5 and 6 s are one chunk, which silence fills.
        settings = EvaluationSettings(Chunking(10, options.hop), mono=False, bss=False)
        rows = evaluate(Confusion(Pipeline("", ms21)), corpus, tree, settings, file=options.rows, workers=1)
    rows = rows.filter(pl.col("node") != UNLABELLED, pl.col("estimated") != REST)  # which is silent
    for song in (None, *rows["track"].unique(maintain_order=True)):
        table = summarise_confusion(rows if song is None else rows.filter(track=song), tree)
        print(f"\n{song or 'all'}")
        for row, (leaf, chunks) in enumerate(zip(table.leaves, table.chunks, strict=True)):
            others = [f"{name.rpartition('/')[2]} {100 * share:.0f}" for name, share in table.taken_for(row)[:6]]
            print(f"  {leaf} ({chunks} chunks): {100 * table.kept(row):.0f} where it belongs; {', '.join(others)}")
    title = "real multitracks: where the energy of each true leaf lands, %"
    draw_confusion(summarise_confusion(rows, tree), title, options.figure)


if __name__ == "__main__":
    main()
