"""What `stemtree curate stems` costs, and its levels by FFmpeg's meter.

``python benchmarks/cost/stems.py SONGS [options]``

SONGS is a folder of rendered songs in Slakh's layout. Their stems are repeated to one session of many long tracks: two
of three in mono, as most microphones are, 24 bits, every fifth at 48 kHz, so that it is resampled.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import soundfile
import yaml

from stemtree.corpora.load import load_corpus
from stemtree.curation.stems.build import build_stems
from stemtree.curation.stems.mixdown import LOUDNESS, PEAK, StemSettings

BLOCK = 1 << 18
SONG = "The Long Ones - Forever"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("songs", type=Path)
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--as-thesis", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the session is made (it takes 4 GB, its stems 9)")
    parser.add_argument("--made", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.made:
        spend(options.made, options.as_thesis)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        seconds = make_session(options.songs, folder, options.tracks, options.minutes)
        command = [sys.executable, __file__, str(options.songs), "--made", name]
        run = subprocess.run(
            command + ["--as-thesis"] * options.as_thesis, stdout=subprocess.PIPE, text=True, check=True
        )
        spent = json.loads(run.stdout)
        size = sum(file.stat().st_size for file in (folder / "raw").rglob("*.wav")) / 2**30
        print(f"{options.tracks} tracks, {seconds / 60:.0f} minutes of track, {size:.1f} GB")
        print(
            f"{seconds / spent['cpu']:.0f} seconds of track per CPU second; at most {spent['memory']:.0f} MB of memory"
        )
        check_levels(folder / "MS21" / "TheLongOnes_Forever")


def spend(folder: Path, as_thesis: bool) -> None:
    """Runs in a process of its own, so that its memory is its own."""
    settings = StemSettings(as_thesis=as_thesis)
    report = build_stems(folder / "raw", folder / "annotation.csv", folder / "MS21", settings, workers=1)
    assert report.made == [SONG], report.problems
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}))


def make_session(songs: Path, folder: Path, tracks: int, minutes: float) -> float:
    place = folder / "raw" / SONG
    place.mkdir(parents=True)
    stems = [stem for track in load_corpus(songs, "slakh", "ms21").tracks for stem in track.stems]
    rows, samples = ["song,file,label"], 0.0
    for number, stem in enumerate(islice(cycle(stems), tracks)):
        audio, rate = soundfile.read(stem.file.path, dtype="float32", always_2d=True)
        audio = audio if number % 3 == 0 else audio.mean(axis=1, keepdims=True)
        written = 48000 if number % 5 == 0 else rate  # played a little faster: what it sounds like does not matter
        length = int(minutes * 60 * written)
        with soundfile.SoundFile(place / f"{number:02}.wav", "w", written, audio.shape[1], "PCM_24") as file:
            for start in range(0, length, BLOCK):
                chosen = np.arange(start, min(start + BLOCK, length)) % len(audio)
                file.write(audio[chosen])
        samples += minutes * 60
        rows.append(f"{SONG},{number:02}.wav,{stem.label}")
    (folder / "annotation.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return samples


def check_levels(place: Path) -> None:
    """Every file against what its metadata say, and normalised files against their target."""
    data = yaml.safe_load((place / f"{place.name}_METADATA.yaml").read_text("utf-8"))
    off_told, off_target, off_peak = [], [], []
    for stem in [*data["stems"].values(), *data["musdb_stems"].values()]:
        file = place / data["stem_dir"] / stem["filename"]
        found = loudness(file)
        off_told.append(abs(found - stem["loudness_lufs"]))
        if stem["normalised_to"].endswith("LUFS") if "normalised_to" in stem else not data["adds_up"]:
            if "normalised_to" in stem or "percussion" not in stem["node"]:
                off_target.append(abs(found - LOUDNESS - gain_after(data)))
        elif "normalised_to" in stem:
            off_peak.append(abs(stem["peak_dbfs"] - PEAK - gain_after(data)))
    off_told.append(abs(loudness(place / data["mix_filename"]) - data["mixture"]["loudness_lufs"]))
    print(f"against FFmpeg's ebur128: {len(off_told)} files at most {max(off_told):.3f} LU from their metadata,")
    print(f"{len(off_target)} at most {max(off_target, default=0):.3f} LU from the target loudness,")
    print(f"{len(off_peak)} at most {max(off_peak, default=0):.3f} dB from the target peak")


def gain_after(data: dict) -> float:
    return 0.0 if data["settings"]["as_thesis"] else data["overall_gain_db"]


def loudness(file: Path) -> float:
    """Integrated, with three digits."""
    heard = "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-"
    run = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(file), "-af", heard, "-f", "null", "-"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return float(re.findall(r"lavfi\.r128\.I=(\S+)", run.stdout)[-1])


if __name__ == "__main__":
    main()
