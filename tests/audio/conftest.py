"""Files that several tests of audio read."""

from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def mp3_without_length(tmp_path: Path) -> Path:
    """An MP3 of 20 s, quiet then loud, whose first frame, which tells the length, is cut away."""
    noise = np.random.default_rng(0).standard_normal((44100 * 20, 2)) * 0.1
    noise[: 44100 * 10] *= 0.001
    soundfile.write(tmp_path / "whole.mp3", noise, 44100, bitrate_mode="VARIABLE")
    content = (tmp_path / "whole.mp3").read_bytes()
    second = content.index(content[:2], content.index(b"Xing" if b"Xing" in content else b"Info") + 120)
    path = tmp_path / "bare.mp3"
    path.write_bytes(content[second:])
    return path
