from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.audio import ArraySource, open_source, read
from stemtree.audio.read import AvSource, SoundFileSource
from stemtree.errors import AudioError


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


def test_blocks_are_the_file(wav: Path) -> None:
    source = open_source(wav)
    assert (source.sample_rate, source.channels, source.frames, source.width) == (44100, 2, 44100, "pcm16")
    blocks = list(source.blocks(1000))
    assert [block.shape for block in blocks[:2]] == [(2, 1000)] * 2
    expected = soundfile.read(wav, dtype="float64")[0].T
    assert np.array_equal(np.concatenate(blocks, axis=1), expected)
    assert np.array_equal(np.concatenate(list(source.blocks(999, start=40000)), axis=1), expected[:, 40000:])
    assert np.array_equal(read(wav, 100, 5000)[0], expected[:, 100:5100])
    assert read(wav, 44000, 5000)[0].shape == (2, 100)


def test_ffmpeg_reads_what_libsndfile_reads(wav: Path) -> None:
    ours, theirs = AvSource(wav), SoundFileSource(wav)
    assert (ours.sample_rate, ours.channels, ours.width) == (theirs.sample_rate, theirs.channels, theirs.width)
    for start in (0, 12345):
        pieces = [np.concatenate(list(source.blocks(777, start)), axis=1) for source in (ours, theirs)]
        assert np.array_equal(*pieces)


def test_mp3_without_a_length_is_read_to_its_end(mp3_without_length: Path) -> None:
    """libsndfile extrapolates the length from the bit rate at the start, here to little more than half."""
    assert soundfile.info(mp3_without_length).frames < 44100 * 15
    assert sum(block.shape[1] for block in open_source(mp3_without_length).blocks(1 << 16)) >= 44100 * 20


def test_arrays() -> None:
    (block,) = ArraySource(np.array([0, 16384, -32768], np.int16), 8000).blocks(10)
    assert block.tolist() == [[0, 0.5, -1]]
    with pytest.raises(AudioError, match=r"shape \(1000, 2\): give it as \(channel, sample\)"):
        ArraySource(np.zeros((1000, 2)), 44100)
    with pytest.raises(AudioError, match="holds complex128"):
        ArraySource(np.zeros((1, 5), complex), 44100)
    with pytest.raises(AudioError, match="holds no samples"):
        ArraySource(np.zeros((1, 0)), 44100)
    with pytest.raises(AudioError, match="NaN or infinity at sample 3"):
        list(ArraySource(np.array([0, 0, 0, np.nan]), 44100).blocks(2))
    with pytest.raises(AudioError, match="sample rate of 4000 Hz: resample"):
        ArraySource(np.zeros((1, 5)), 4000)
