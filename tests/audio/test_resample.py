import numpy as np
import pytest

from stemtree.audio.resample import resample, resample_blocks


def test_blocks_make_no_difference() -> None:
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 44100))
    whole = np.concatenate(list(resample_blocks([audio], 2, 44100, 16000, 99999)), axis=1)
    assert whole.shape == (2, 16000)
    pieces = [audio[:, start : start + 1000] for start in range(0, 44100, 1000)]
    blocks = list(resample_blocks(pieces, 2, 44100, 16000, 700))
    assert {block.shape[1] for block in blocks[:-1]} == {700}
    assert np.concatenate(blocks, axis=1) == pytest.approx(whole, abs=1e-9)


def test_a_tone_stays_the_tone() -> None:
    seconds = np.arange(8000) / 8000
    tone = np.sin(2 * np.pi * 440 * seconds)[None].astype(np.float32)
    there = resample(tone, 8000, 44100)
    back = resample(there, 44100, 8000)
    assert there.shape == (1, 44100) and back.shape == (1, 8000)
    assert np.abs(back - tone)[:, 500:-500].max() < 1e-3
    assert resample(tone, 8000, 8000) is tone
