"""Make a corpus in MUSDB18-HQ's layout of the rendered songs that have all four stems; choirs are its vocals.

    python recipes/experiments/four_stems.py SONGS OUT

SONGS has Slakh's layout, from ``stemtree corpus render``. A mixture is the sum of its stems, sample by sample; a song
that would clip is lowered. Songs that are there are left.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile

from stemtree.corpora.layout import SPLITS
from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import Track
from stemtree.data.signals import node_signals
from stemtree.staging import staging

NODES = {
    "vocals": "vocal",
    "drums": "accompaniment/percussion",
    "bass": "accompaniment/bass",
    "other": "accompaniment/other",
}
FULL_SCALE = 32767


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    for split in SPLITS:
        tracks = load_corpus(options.songs, "slakh", "ms21", split=split).tracks
        count = sum(write_song(track, options.output / split / track.id.rpartition("/")[2]) for track in tracks)
        print(f"{options.output / split}: {count} of {len(tracks)} songs have all four stems")


def write_song(track: Track, folder: Path) -> bool:
    """Write a song's four stems and mixture; return whether it has all four."""
    if not all(track.stems_of(node) for node in NODES.values()):
        return False
    if folder.exists():
        return True
    signals = node_signals(track, list(NODES.values()), 0, track.num_samples, mono=False)
    peak = max(np.abs(np.sum(signals, axis=0)).max(), *(np.abs(signal).max() for signal in signals))
    stems = [np.rint(signal / max(1, peak * 1.001) * FULL_SCALE).astype(np.int16) for signal in signals]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with staging(folder) as partial:
        for name, samples in zip((*NODES, "mixture"), (*stems, np.sum(stems, axis=0, dtype=np.int16)), strict=True):
            soundfile.write(partial / f"{name}.wav", samples.T, track.sample_rate, "PCM_16")
        partial.rename(folder)
    return True


if __name__ == "__main__":
    main()
