"""Make a library of multitracks to try ``stemtree curate`` on, and check its results.

    python recipes/ms21/synthetic_library.py make CORPUS... -o LIBRARY
    python recipes/ms21/synthetic_library.py correct ANNOTATION --truth TRUTH
    python recipes/ms21/synthetic_library.py judge ANNOTATION BLEED --truth TRUTH

``make`` builds zip archives of raw tracks from rendered songs in Slakh's layout, a listing of them, and ``truth.csv``
with the true labels and which tracks have leakage. Files are named as engineers name them. In every third session
(``--leaking-every``; 0: none) another instrument leaks into two tracks. One session is at 48 kHz, one has files of
macOS beside its tracks. Two more archives cannot be used: one is truncated, one would write outside its folder.

``correct`` does what a person would: it corrects the labels of rows marked for review. ``judge`` prints the accuracy of
labels and of the detection of leakage.
"""

import argparse
import csv
import io
import random
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, oaconvolve, sosfilt

from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import Stem, Track
from stemtree.curation.bleed.table import read_leak_rows
from stemtree.curation.sessions.csv_tables import read_table, write_table
from stemtree.hierarchy import load

ARTISTS = (
    "Ana Luz", "The Copper Kettles", "Nordlys", "Bo Hansson Trio", "Los Últimos", "Milk & Iron", "Kōji Abe",
    "Sister Vega", "The Paper Boats", "Dunkelblau",
)  # fmt: skip
GENRES = (
    ("Rock / Punk / Metal", "Melodic Metal"),
    ("Pop / Singer-Songwriter", "Singer-Songwriter"),
    ("Electronica / Dance / Experimental", "Minimal Techno"),
    ("Acoustic / Jazz / Country / Orchestral", "Big Band Jazz"),
    ("Alt Rock / Blues / Country Rock", "Blues Rock"),
)
PARTS = {
    r"Synth Bass": ("Synth_Bass", "SynthBass", "BassSynth"),
    r"Acoustic Bass|Contrabass|upright": ("Double_Bass", "DoubleBass", "UprightBass"),
    r"[Bb]ass(?! Drum)": ("Electric_Bass", "BassDI", "Bass", "BassAmp"),
    r"Choir": ("Choir", "Choir", "ChoirMics"),
    r"Voice|vowel": ("Backing_Vocal", "BackingVox", "BVox", "BackVocals"),
    r"Organ": ("Electric_Organ", "Organ", "Hammond"),
    r"Electric Piano|Clavinet": ("Electric_Piano", "Rhodes", "EPiano", "Wurlitzer"),
    r"[Pp]iano|Harpsichord": ("Piano", "Piano", "GrandPiano"),
    r"Violin": ("Violin", "Violin"),
    r"Viola": ("Viola", "Viola"),
    r"Cello": ("Cello", "Cello"),
    r"Harp$": ("Harp", "Harp"),
    r"Trumpet": ("Trumpet", "Trumpet", "Tpt"),
    r"Trombone": ("Trombone", "Trombone", "Tbone"),
    r"French Horn": ("French_Horn", "FrenchHorn"),
    r"Tuba": ("Tuba", "Tuba"),
    r"Sax": ("Saxophone", "Sax", "TenorSax"),
    r"Flute|Piccolo": ("Flute", "Flute"),
    r"Oboe": ("Oboe", "Oboe"),
    r"Accordion": ("Accordian", "Accordion"),
    r"Timpani": ("Timpani", "Timpani"),
    r"Marimba": ("Marimba", "Marimba"),
    r"Bell": ("Bell", "Bells", "Bell"),
}
BY_LEAF = {
    "nontonal_percussion": ("Percussion", "Percussion", "Perc"),
    "electronic_keyboards": ("Synthesizer", "SynthLead", "SynthPad", "Synth", "Keys"),
    "electric_guitar": ("Electric_Guitar", "ElecGtr", "EGtr", "GtrRhythm"),
    "acoustic_guitar": ("Acoustic_Guitar", "AcousticGtr", "AcGtr"),
    "strings": ("String_Section", "Strings", "StringsHi"),
    "brass": ("Brass_Section", "Brass", "BrassSection"),
    "woodwinds": ("WoodWind_Section", "Woodwinds"),
    "tonal_percussion": ("Other_Chromatic", "Vibraphone", "Glockenspiel", "Xylophone"),
    "fx_processed_sound": ("SFX", "SFX", "FX"),
}
MONO = {"Electric_Bass", "Synth_Bass", "Double_Bass", "Backing_Vocal", "Electric_Guitar", "Saxophone", "Trumpet"}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("corpora", type=Path, nargs="+")
    make.add_argument("-o", "--output", type=Path, required=True)
    make.add_argument("--songs", type=int, default=12)
    make.add_argument("--seconds", type=float, default=25)
    make.add_argument("--address", default="", help="prefix of archive names in the listing")
    make.add_argument("--match", default="*", help="pattern of the names of the songs that are used")
    make.add_argument("--leaf", help="use songs that have this leaf of MS21")
    make.add_argument("--leaking-every", type=int, default=3)
    correcting, judging = commands.add_parser("correct"), commands.add_parser("judge")
    for command in (correcting, judging):
        command.add_argument("annotation", type=Path)
        command.add_argument("--truth", type=Path, required=True)
    judging.add_argument("bleed", type=Path)
    options = parser.parse_args()
    if options.command == "make":
        tracks = select_tracks(options.corpora, options.songs, options.match, options.leaf)
        make_library(tracks, options.output, options.seconds, options.address, options.leaking_every)
    elif options.command == "correct":
        print(f"{correct(options.annotation, options.truth)} labels corrected of those marked for review")
    else:
        judge(options.annotation, options.bleed, options.truth)


def select_tracks(corpora: Sequence[Path], count: int, pattern: str, leaf: str | None) -> list[Track]:
    """Select songs of more than two instruments, evenly from all that there are."""
    tracks = [track for corpus in corpora for track in load_corpus(corpus, "slakh", "ms21").tracks]
    tracks = [track for track in tracks if fnmatch(track.id.rpartition("/")[2], pattern)]
    leaves = {track.id: {stem.leaf for stem in track.stems} for track in tracks}
    tracks = [track for track in tracks if len(leaves[track.id]) > 2 and (leaf is None or leaf in leaves[track.id])]
    return tracks[:: max(1, len(tracks) // count)][:count]


def make_library(tracks: Sequence[Track], library: Path, seconds: float, address: str, leaking_every: int) -> None:
    """Write archives, ``listing.csv`` and ``truth.csv`` to a folder."""
    library.mkdir(parents=True, exist_ok=True)
    truth: list[tuple[str, str, str, int]] = []
    listing: list[tuple[str, ...]] = []
    for number, track in enumerate(tracks):
        artist, title = ARTISTS[number % len(ARTISTS)], track.id.rpartition("/")[2].replace("_", " ").title()
        title += " (feat. Sister Vega)" if number == 3 else ""
        name = re.sub(r"\W", "", artist) + "_" + re.sub(r"\W", "", title) + "_Full"
        rate = 48000 if number == 1 else track.sample_rate
        leaks = bool(leaking_every) and number % leaking_every == 0
        session = list(raw_tracks(track, seconds, leaks, random.Random(number)))
        write_archive(library / f"{name}.zip", name, session, (track.sample_rate, rate), mac=number == 2)
        truth += [(f"{artist} - {title}", file, label, int(leaks)) for file, label, leaks, _ in session]
        listing.append((*GENRES[number % len(GENRES)], title, artist, f"{address}{name}.zip", ""))
    whole = (library / listing[0][4].rpartition("/")[2]).read_bytes()
    (library / "Broken.zip").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(library / "Hostile.zip", "w") as archive:
        archive.writestr("Hostile/01_Kick.wav", wav(np.zeros((1, 8000)), 8000))
        archive.writestr("../../../01_Kick.wav", wav(np.zeros((1, 8000)), 8000))
    listing.insert(1, (*GENRES[0], "Cut Off", "Nordlys", f"{address}Broken.zip", ""))
    listing.append((*GENRES[1], "Trojan Horse", "Odysseus", f"{address}Hostile.zip", ""))
    with (library / "listing.csv").open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows(listing)
    write_table(library / "truth.csv", ("song", "file", "label", "leaks"), truth)


def raw_tracks(
    track: Track, seconds: float, leaks: bool, random: random.Random
) -> Iterator[tuple[str, str, bool, np.ndarray]]:
    """Yield file name, label, whether it has leakage, and ``(channel, sample)`` audio of every microphone of a song."""
    audio = [excerpt(stem, seconds, track) for stem in track.stems]
    audible = [number for number, samples in enumerate(audio) if np.mean(samples**2) > 1e-9]
    leaking = {}  # from which track, by track
    for number in random.sample(audible, min(2, len(audible))) if leaks else ():
        others = [other for other in audible if track.stems[other].leaf != track.stems[number].leaf]
        if others:
            leaking[number] = random.choice(others)
    counts, position = Counter[str](), 0
    numbered = random.random() < 0.7
    for number in audible:
        own = audio[number]
        if number in leaking:
            own = own + leak(audio[leaking[number]], own, track.sample_rate, random)
        for name, label, samples in microphones(track.stems[number], own, track.sample_rate, counts, random):
            position += 1
            yield f"{position:02}_{name}.wav" if numbered else f"{name}.wav", label, number in leaking, samples


def microphones(
    stem: Stem, audio: np.ndarray, rate: int, counts: Counter[str], random: random.Random
) -> list[tuple[str, str, np.ndarray]]:
    """Name and label the files of a part: one, a stereo pair of two mono files, or a drum kit's microphones."""
    leaf = stem.leaf.rpartition("/")[2]
    if leaf == "drum_set":
        counts["kit"] += 1
        suffix = str(counts["kit"]) if counts["kit"] > 1 else ""
        kick = sosfilt(butter(4, 120 / (rate / 2), output="sos"), audio.mean(axis=0, keepdims=True))
        sides = [(f"Overheads{suffix}_{side}", "Drum_Overheads", audio[n : n + 1]) for n, side in enumerate("LR")]
        return [(f"Kick{suffix}", "Drum_Kick", kick), *sides]
    label, *names = next((part for words, part in PARTS.items() if re.search(words, stem.label)), None) or BY_LEAF[leaf]
    if load("ms21").leaf(label) != stem.leaf:
        label, *names = BY_LEAF[leaf]
    counts[label] += 1
    name = names[(len(stem.file.path.parts[-3]) + counts[label]) % len(names)] + str(counts[label])
    if label == "Piano" and random.random() < 0.5:
        return [(f"{name}_{side}", label, audio[number : number + 1]) for number, side in enumerate("LR")]
    return [(name, label, audio.mean(axis=0, keepdims=True) if label in MONO else audio)]


def excerpt(stem: Stem, seconds: float, track: Track) -> np.ndarray:
    """Read ``(2, sample)``, beginning at a tenth of the song."""
    start = int(0.1 * max(0, track.num_samples - seconds * track.sample_rate))
    samples, _ = soundfile.read(
        stem.file.path, int(seconds * track.sample_rate), start, dtype="float64", always_2d=True
    )
    return np.ascontiguousarray(np.broadcast_to(samples.T, (2, len(samples))))


def leak(source: np.ndarray, own: np.ndarray, rate: int, random: random.Random) -> np.ndarray:
    """Simulate leakage of another instrument through a room, 10 to 18 dB below the track itself."""
    noise = np.random.default_rng(random.randrange(1 << 30))
    response = np.zeros(rate // 4)
    response[int(random.uniform(0.003, 0.02) * rate)] = 1
    tail = noise.standard_normal(len(response)) * np.exp(-np.arange(len(response)) / (0.05 * rate))
    tail[: int(0.025 * rate)] = 0
    response += 0.5 * tail / np.sqrt(np.sum(tail**2))
    dull = sosfilt(butter(1, min(0.9, 5000 / (rate / 2)), output="sos"), response)
    leakage = oaconvolve(source.mean(axis=0), dull)[: source.shape[1]]
    gain = 10 ** (random.uniform(-18, -10) / 20) * np.sqrt(np.mean(own**2) / (np.mean(leakage**2) + 1e-20))
    return np.broadcast_to(gain * leakage, own.shape)


def write_archive(
    file: Path, name: str, session: Sequence[tuple[str, str, bool, np.ndarray]], rates: tuple[int, int], mac: bool
) -> None:
    """Write a zip file; `rates` are the sample rates of the audio and of the files."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for track, _, _, samples in session:
            if rates[0] != rates[1]:
                samples = soxr.resample(samples.T, *rates).T
            archive.writestr(f"{name}/{track}", wav(samples, rates[1]))
            if mac:
                archive.writestr(f"__MACOSX/{name}/._{track}", b"\0\5\x16\7")
        if mac:
            archive.writestr(f"{name}/.DS_Store", b"\0\0\0\1Bud1")
            archive.writestr(f"{name}/ReadMe.txt", "Recorded in one afternoon.")


def wav(samples: np.ndarray, rate: int) -> bytes:
    """Encode as WAV of 24 bits."""
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples.T, -1, 1), rate, "PCM_24", format="WAV")
    return content.getvalue()


def correct(annotation: Path, truth: Path) -> int:
    """Correct and settle the rows that are marked for review; return how many labels were wrong."""
    known = {(row["song"], row["file"]): row["label"] for row in read_table(truth, ("song", "file", "label"))}
    rows, count = read_table(annotation, ("song", "file", "label", "review")), 0
    for row in rows:
        if row["review"] == "yes":
            count += row["label"] != known[key_of(row)]
            row["label"], row["review"] = known[key_of(row)], "done"
    write_table(annotation, tuple(rows[0]), [row.values() for row in rows])
    return count


def judge(annotation: Path, bleed: Path, truth: Path) -> None:
    """Print how many labels, instruments and tracks with leakage are right."""
    tree, rows = load("ms21"), read_table(annotation, ("song", "file", "label"))
    known = {(row["song"], row["file"]): row for row in read_table(truth, ("song", "file", "label", "leaks"))}
    exact = sum(row["label"] == known[key_of(row)]["label"] for row in rows)
    same = sum(tree.leaf(row["label"]) == tree.leaf(known[key_of(row)]["label"]) for row in rows)
    print(f"{len(rows)} tracks of {len(known)}: label right for {exact}, instrument for {same}")
    pairs = Counter(
        (row.leak.leaks, known[row.song, row.file.rpartition("/")[2]]["leaks"] == "1") for row in read_leak_rows(bleed)
    )
    found, missed, wrong = pairs[True, True], pairs[False, True], pairs[True, False]
    print(f"leaking tracks: {found} found, {missed} missed; {wrong} flagged that do not leak")


def key_of(row: dict[str, str]) -> tuple[str, str]:
    """Return song and file name without folders."""
    return row["song"], row["file"].rpartition("/")[2]


if __name__ == "__main__":
    main()
