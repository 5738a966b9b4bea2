"""Measure the cost of `stemtree curate stems`, and check the loudness of its stems with FFmpeg.

    python benchmarks/cost/stems.py SONGS [options]

SONGS is a folder of rendered songs in Slakh's layout. Their stems are repeated to make one session of many long tracks
of 24 bits. Two of three are mono, as most recordings of microphones are; every fifth is at 48 kHz and is resampled.
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
from stemtree.curation.stems.settings import TARGET_LUFS, TARGET_PEAK_DBFS, StemSettings

BLOCK = 1 << 18
SONG = "The Long Ones - Forever"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--as-thesis", action="store_true")
    parser.add_argument("--folder", type=Path, help="for temporary files (4 GB for the session, 9 GB for its stems)")
    parser.add_argument("--session", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.session:
        build(options.session, options.as_thesis)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        seconds = make_session(options.songs, folder, options.tracks, options.minutes)
        command = [sys.executable, __file__, str(options.songs), "--session", name]
        run = subprocess.run(
            command + ["--as-thesis"] * options.as_thesis, stdout=subprocess.PIPE, text=True, check=True
        )
        cost = json.loads(run.stdout)
        size = sum(file.stat().st_size for file in (folder / "raw").rglob("*.wav")) / 2**30
        print(f"{options.tracks} tracks, {seconds / 60:.0f} minutes of track, {size:.1f} GB")
        print(f"{seconds / cost['cpu']:.0f} seconds of track per CPU second; at most {cost['memory']:.0f} MB of memory")
        check_loudness(folder / "MS21" / "TheLongOnes_Forever")


def build(folder: Path, as_thesis: bool) -> None:
    """Build the stems; runs in a separate process so that its peak memory can be told."""
    settings = StemSettings(as_thesis=as_thesis)
    report = build_stems(folder / "raw", folder / "annotation.csv", folder / "MS21", settings, workers=1)
    assert report.made == [SONG], report.problems
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}))


def make_session(songs: Path, folder: Path, tracks: int, minutes: float) -> float:
    """Write the raw tracks and their annotation; return the sum of their durations in seconds."""
    place = folder / "raw" / SONG
    place.mkdir(parents=True)
    stems = [stem for track in load_corpus(songs, "slakh", "ms21").tracks for stem in track.stems]
    rows, seconds = ["song,file,label"], 0.0
    for number, stem in enumerate(islice(cycle(stems), tracks)):
        audio, rate = soundfile.read(stem.file.path, dtype="float32", always_2d=True)
        audio = audio if number % 3 == 0 else audio.mean(axis=1, keepdims=True)
        written_rate = 48000 if number % 5 == 0 else rate  # a wrong speed: the sound does not matter
        num_samples = int(minutes * 60 * written_rate)
        with soundfile.SoundFile(place / f"{number:02}.wav", "w", written_rate, audio.shape[1], "PCM_24") as file:
            for start in range(0, num_samples, BLOCK):
                indices = np.arange(start, min(start + BLOCK, num_samples)) % len(audio)
                file.write(audio[indices])
        seconds += minutes * 60
        rows.append(f"{SONG},{number:02}.wav,{stem.label}")
    (folder / "annotation.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return seconds


def check_loudness(place: Path) -> None:
    """Compare the loudness of every file with its metadata, and that of normalised files with their target."""
    data = yaml.safe_load((place / f"{place.name}_METADATA.yaml").read_text("utf-8"))
    metadata_errors, target_errors, peak_errors = [], [], []
    for stem in [*data["stems"].values(), *data["musdb_stems"].values()]:
        file = place / data["stem_dir"] / stem["filename"]
        measured = loudness(file)
        metadata_errors.append(abs(measured - stem["loudness_lufs"]))
        if stem["normalised_to"].endswith("LUFS") if "normalised_to" in stem else not data["adds_up"]:
            if "normalised_to" in stem or "percussion" not in stem["node"]:
                target_errors.append(abs(measured - TARGET_LUFS - gain_after(data)))
        elif "normalised_to" in stem:
            peak_errors.append(abs(stem["peak_dbfs"] - TARGET_PEAK_DBFS - gain_after(data)))
    metadata_errors.append(abs(loudness(place / data["mix_filename"]) - data["mixture"]["loudness_lufs"]))
    print(f"against FFmpeg's ebur128: {len(metadata_errors)} files")
    print(f"at most {max(metadata_errors):.3f} LU from their metadata,")
    print(f"{len(target_errors)} at most {max(target_errors, default=0):.3f} LU from the target loudness,")
    print(f"{len(peak_errors)} at most {max(peak_errors, default=0):.3f} dB from the target peak")


def gain_after(data: dict) -> float:
    """In dB, of the whole song after its stems were normalised."""
    return 0.0 if data["settings"]["as_thesis"] else data["overall_gain_db"]


def loudness(file: Path) -> float:
    """Integrated loudness in LUFS, with three digits."""
    filters = "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-"
    run = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(file), "-af", filters, "-f", "null", "-"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return float(re.findall(r"lavfi\.r128\.I=(\S+)", run.stdout)[-1])


if __name__ == "__main__":
    main()
