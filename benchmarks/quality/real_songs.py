"""Measure drums, bass and the rest of real songs, separated by the whole tree: SI-SDR improvement in dB.

    python benchmarks/quality/real_songs.py [TRIO] [--splitter NAME] [--gain 0 -12]

"The Easton Ellises - Falcon 69" (6 s, vocals included, with its true stems, from the package stempeg), and, where TRIO
is given, the Jazz Trio Database's sample in mirdata's tests (5 s: mix.wav, drums.wav, bass.wav, piano.wav, the stems
being a strong separator's). Excerpts so short tell a good model from a bad one, not one good model from another.
`--gain` multiplies the songs first, in dB, to show whether their loudness matters.
"""

import argparse
import importlib.util
from pathlib import Path

import av
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from stemtree import Separator
from stemtree.metrics.si_sdr import si_sdr_improvement
from stemtree.separation.splitters.registry import make_splitters

Audio = NDArray[np.float32]
BASS, DRUMS, OTHER = "accompaniment/bass", "accompaniment/percussion", "accompaniment/other"
TRIO = {DRUMS: "drums", BASS: "bass", "accompaniment/other/pianos": "piano", OTHER: "piano"}


def falcon() -> tuple[Audio, dict[str, Audio], int]:
    """Read mixture (sum of the stems), stems and sample rate; the file holds mixture, drums, bass, other, vocals."""
    spec = importlib.util.find_spec("stempeg")
    assert spec is not None and spec.origin is not None, "pip install --no-deps stempeg==0.2.6"
    (file,) = Path(spec.origin).parent.glob("data/*.stem.mp4")
    tracks = []
    with av.open(str(file)) as container:
        count = len(container.streams.audio)
    for number in range(count):
        with av.open(str(file)) as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=number)]
            rate = container.streams.audio[number].rate
        tracks.append(np.concatenate(frames, axis=1).astype(np.float32))
    length = min(track.shape[1] for track in tracks)
    drums, bass, other, vocals = (track[:, :length] for track in tracks[1:])
    return drums + bass + other + vocals, {DRUMS: drums, BASS: bass, OTHER: other, "vocal": vocals}, rate


def trio(folder: Path) -> tuple[Audio, dict[str, Audio], int]:
    """Read the same of the jazz trio, whose piano is the true signal of both pianos and other."""
    read = {
        name: soundfile.read(folder / f"{name}.wav", dtype="float32", always_2d=True)
        for name in (*TRIO.values(), "mix")
    }
    return read["mix"][0].T, {node: read[name][0].T for node, name in TRIO.items()}, read["mix"][1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trio", type=Path, nargs="?")
    parser.add_argument("--splitter")
    parser.add_argument("--gain", type=float, nargs="+", default=[0.0])
    options = parser.parse_args()
    separator = Separator(splitters=make_splitters([options.splitter] if options.splitter else []))
    songs = {"Falcon 69": falcon()} | ({"jazz trio": trio(options.trio)} if options.trio else {})
    for name, (mixture, stems, rate) in songs.items():
        for gain in options.gain:
            result = separator.separate(np.float32(10 ** (gain / 20)) * mixture, rate)
            for node, stem in stems.items():
                signals = (torch.from_numpy(signal) for signal in (result[node].audio, stem, mixture))
                print(f"{name:10} {gain:+6.1f} dB  {node:30} {si_sdr_improvement(*signals).item():+6.2f}")


if __name__ == "__main__":
    main()
