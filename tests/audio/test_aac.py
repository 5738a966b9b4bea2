"""M4A files have the song's length, begin where it begins, and are the same each time."""

import struct
from pathlib import Path

import numpy as np
import pytest
from support.encoded import tone
from support.mp4 import decoded, find

from stemtree.audio import OutputFormat, StemWriter, open_source
from stemtree.audio.aac import aac_length
from stemtree.errors import AudioError

M4A = OutputFormat("m4a")


def write(file: Path, audio: np.ndarray, rate: int, size: int = 1500) -> Path:
    with StemWriter(file, M4A, rate, len(audio)) as writer:
        for start in range(0, audio.shape[1], size):
            writer.write(audio[:, start : start + size])
    return file


@pytest.mark.parametrize("num_samples", [1, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (96000, 2)])
def test_length_and_place(rate: int, channels: int, num_samples: int, tmp_path: Path) -> None:
    audio = tone(1, rate, channels)[:, :num_samples]
    file = write(tmp_path / "a.m4a", audio, rate)
    source = open_source(file)
    assert (source.num_samples, source.sample_rate, source.channels) == (num_samples, rate, channels)
    assert aac_length(file) == num_samples
    heard = decoded(file)
    assert 0 <= heard.shape[1] - num_samples < 1024  # FFmpeg decodes the last frame whole
    if num_samples == 5000:
        errors = [np.mean((np.roll(heard[:, :5000], by, axis=1) - audio) ** 2) for by in range(-60, 61)]
        assert np.argmin(errors) == 60 and errors[60] < 0.02 * np.mean(audio**2)
    track = find(file.read_bytes(), b"moov", b"trak")
    version_and_count, duration, begin = struct.unpack_from(">QIi", find(track, b"edts", b"elst"))
    assert (version_and_count, duration, begin) == (1, num_samples, 1024)  # the encoder's delay
    assert struct.unpack_from(">II", find(file.read_bytes(), b"moov", b"mvhd"), 12) == (rate, num_samples)


def test_blocks_of_any_size_give_one_file(tmp_path: Path) -> None:
    audio = tone(0.2)
    files = [write(tmp_path / f"{size}.m4a", audio, 44100, size) for size in (100, 1024, 8820)]
    assert len({file.read_bytes() for file in files}) == 1


def test_samples_beyond_full_scale(tmp_path: Path) -> None:
    audio = 8 * tone(0.5)
    assert np.abs(decoded(write(tmp_path / "a.m4a", audio, 44100))).max() == pytest.approx(8 * 0.3, rel=0.2)


def test_what_cannot_be_encoded(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot write .*a.m4a' \(.*\): choose another format"):
        write(tmp_path / "a.m4a", np.full((2, 4096), np.nan, np.float32), 44100)
    with pytest.raises(AudioError, match=r"cannot write .*b.m4a' \(.*\): choose another format"):
        write(tmp_path / "b.m4a", tone(0.1), 12345)
    with pytest.raises(AudioError, match="No such file"):
        write(tmp_path / "none" / "a.m4a", tone(0.1), 44100)


def test_a_file_that_is_not_whole(tmp_path: Path) -> None:
    file = write(tmp_path / "a.m4a", tone(0.1), 44100)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(AudioError, match="could not be written whole: make room or choose another folder"):
        aac_length(file)


def test_names_that_look_like_protocols_or_are_not_utf8(tmp_path: Path) -> None:
    for name in ("concat:a.m4a", "a\udcff.m4a"):
        assert aac_length(write(tmp_path / name, tone(0.1), 44100)) == 4410
