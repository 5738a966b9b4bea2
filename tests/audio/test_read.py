from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from support.audio import encode

from stemtree.audio import ArraySource, open_source, read, to_source
from stemtree.audio.read import AvSource, SoundFileSource
from stemtree.errors import AudioError, OptionError


def test_blocks_are_the_file(wav: Path) -> None:
    source = open_source(wav)
    assert (source.sample_rate, source.channels, source.num_samples, source.width) == (44100, 2, 44100, "pcm16")
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


def test_excerpts_of_an_indexed_container_are_sought(tmp_path: Path, excerpt: np.ndarray) -> None:
    path = tmp_path / "song.m4a"
    encode(path, "alac", np.tile(excerpt, 8), {})
    source = AvSource(path)
    whole = np.concatenate(list(source.blocks(1 << 16)), axis=1)
    for start, count in ((0, 500), (12345, 70000), (800_000, 44100), (whole.shape[1] - 100, 500)):
        assert np.array_equal(source.excerpt(start, count), whole[:, start : start + count])
    decoded = [first for first, _ in source._decoded(800_000)]
    assert 700_000 < decoded[0] <= 800_000  # not from the start


def test_mp3_without_a_length_is_read_to_its_end(mp3_without_length: Path) -> None:
    """libsndfile extrapolates the length from the bit rate at the start, here to little more than half."""
    assert soundfile.info(mp3_without_length).frames < 44100 * 15
    assert sum(block.shape[1] for block in open_source(mp3_without_length).blocks(1 << 16)) >= 44100 * 20


@pytest.mark.parametrize(("codec", "ending"), [("libmp3lame", "mp3"), ("mp2", "mp2")])
def test_mpeg_of_constant_bitrate_without_a_length(
    codec: str, ending: str, tmp_path: Path, excerpt: np.ndarray
) -> None:
    """Here libsndfile's guess is too long."""
    path = tmp_path / f"song.{ending}"
    encode(path, codec, excerpt, {"write_xing": "0"} if ending == "mp3" else {})
    held = sum(block.shape[1] for block in open_source(path).blocks(1 << 16))
    assert excerpt.shape[1] <= held < excerpt.shape[1] + 4000


def test_flac_that_does_not_tell_its_length(tmp_path: Path, excerpt: np.ndarray) -> None:
    path = tmp_path / "song.flac"
    soundfile.write(path, excerpt.T, 44100)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    expected = soundfile.read(path, frames=100000)[0].T
    got = np.concatenate(list(open_source(path).blocks(1 << 16)), axis=1)
    assert got.shape == excerpt.shape and np.array_equal(got[:, :100000], expected)


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_video_that_outlasts_the_audio(ending: str, tmp_path: Path, excerpt: np.ndarray) -> None:
    path = tmp_path / f"film.{ending}"
    encode(path, "aac", excerpt, {}, video_seconds=8)
    held = sum(block.shape[1] for block in open_source(path).blocks(1 << 16))
    assert abs(held - excerpt.shape[1]) < 3000


def test_codecs_that_cannot_seek(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "gsm.wav", np.zeros(8000), 8000, "GSM610")
    assert sum(block.shape[1] for block in open_source(tmp_path / "gsm.wav").blocks(1000)) >= 8000


def test_arrays() -> None:
    (block,) = ArraySource(np.array([0, 16384, -32768], np.int16), 8000).blocks(10)
    assert block.tolist() == [[0, 0.5, -1]]
    with pytest.raises(AudioError, match=r"shape \(1000, 2\): give it as \(channel, sample\)"):
        ArraySource(np.zeros((1000, 2)), 44100)
    for kind in (complex, np.int64, np.uint8, bool):
        with pytest.raises(AudioError, match=r"holds .*: give floats in \[-1, 1\], int16 or int32"):
            ArraySource(np.zeros((1, 5), kind), 44100)
    for rate in ("44100", 44100.7, float("nan")):
        with pytest.raises(AudioError, match="give a whole number of Hz"):
            ArraySource(np.zeros((1, 5)), rate)  # type: ignore[arg-type]
    tensor = torch.full((1, 4), 0.5, dtype=torch.bfloat16, requires_grad=True)
    assert next(ArraySource(tensor, 8000).blocks(9)).tolist() == [[0.5] * 4]
    with pytest.raises(AudioError, match="a sample of 1e\\+20, where full scale is 1"):
        list(ArraySource(np.array([0, 1e20]), 44100).blocks(2))
    with pytest.raises(AudioError, match="holds complex128"):
        ArraySource(np.zeros((1, 5), complex), 44100)
    with pytest.raises(AudioError, match="holds no samples"):
        ArraySource(np.zeros((1, 0)), 44100)
    with pytest.raises(AudioError, match="NaN or infinity at sample 3"):
        list(ArraySource(np.array([0, 0, 0, np.nan]), 44100).blocks(2))
    with pytest.raises(AudioError, match="sample rate of 4000 Hz: resample"):
        ArraySource(np.zeros((1, 5)), 4000)


def test_songs_as_files_arrays_or_sources(wav: Path) -> None:
    source = to_source(str(wav))
    assert source.num_samples == 44100 and to_source(source) is source
    assert to_source([0.0, 0.5], 8000).channels == 1
    with pytest.raises(OptionError, match="tells its own sample rate: leave out sample_rate=8000"):
        to_source(wav, 8000)
    with pytest.raises(OptionError, match="give sample_rate in Hz"):
        to_source(np.zeros(5))
