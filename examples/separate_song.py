"""Separate a song in Python, look at the tree, and write the vocals beside the song.

python examples/separate_song.py SONG
"""

import sys
from pathlib import Path

import numpy as np
import soundfile

import stemtree


def main() -> None:
    song = Path(sys.argv[1])
    separator = stemtree.Separator()  # keeps its weights for the next song
    result = separator.separate(song)
    for node in result:
        print(f"{node.path:30} level {node.level}  {node.rms_dbfs} dBFS  {node.audio.shape}")

    mixture = result.root
    remainder = mixture.audio - np.sum([child.audio for child in mixture.children], axis=0)
    print(f"largest sample that the stems do not account for: {np.abs(remainder).max():.1e}")

    vocals = song.with_name(f"{song.stem} vocals.wav")
    soundfile.write(vocals, result["vocal"].audio.T, result.sample_rate, "FLOAT")
    print(f"wrote {vocals}")


if __name__ == "__main__":
    main()
