from pathlib import Path

import numpy as np
import pytest

from stemtree.audio import OutputFormat, StemWriter, write
from stemtree.errors import AudioError


def test_wav_ends_at_4_gb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "_MAX_WAV_BYTES", 1000)
    block = np.zeros((2, 200), np.int32)
    with (
        pytest.raises(AudioError, match=r"larger than the 4 GB .*: choose the format flac"),
        StemWriter(tmp_path / "a.wav", OutputFormat("wav", "pcm16"), 8000, 2) as writer,
    ):
        writer.write(block)
        writer.write(block)
    with StemWriter(tmp_path / "a.flac", OutputFormat("flac", "pcm16"), 8000, 2) as writer:
        writer.write(block)
        writer.write(block)
