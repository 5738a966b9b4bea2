from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio import encode

from stemtree.audio import open_source, read, to_source
from stemtree.errors import OptionError


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


def test_songs_as_files_arrays_or_sources(wav: Path) -> None:
    source = to_source(str(wav))
    assert source.num_samples == 44100 and to_source(source) is source
    assert to_source([0.0, 0.5], 8000).channels == 1
    with pytest.raises(OptionError, match="tells its own sample rate: leave out sample_rate=8000"):
        to_source(wav, 8000)
    with pytest.raises(OptionError, match="give sample_rate in Hz"):
        to_source(np.zeros(5))
