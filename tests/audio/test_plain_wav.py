"""WAV files of 16 bits, read without libsndfile, against libsndfile."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.audio import Excerpts
from stemtree.audio.plain_wav import PlainWav, plain_layout
from stemtree.errors import AudioError

NUM_SAMPLES = 5000


def write(file: Path, channels: int = 1, subtype: str = "PCM_16", **options: str) -> Path:
    samples = np.random.default_rng(channels).uniform(-1, 1, (NUM_SAMPLES, channels))
    samples[:2] = [[-1] * channels, [1] * channels]
    soundfile.write(file, samples, 8000, subtype, **options)
    return file


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("place", [(0, 5000), (0, 1), (1234, 77), (4990, 100), (5000, 10)])
def test_the_same_bits_as_libsndfile(channels: int, form: str, place: tuple[int, int], tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", channels, format=form)
    start, count = place
    layout = plain_layout(file)
    assert layout is not None and (layout.channels, layout.num_samples) == (channels, NUM_SAMPLES)
    with PlainWav(file, layout) as ours, soundfile.SoundFile(file) as theirs:
        theirs.seek(start)
        expected = theirs.read(count, dtype="float32", always_2d=True).T
        found = ours.read(start, count)
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


def test_chunks_before_the_samples(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.wav").read_bytes()
    extra = b"LIST" + (5).to_bytes(4, "little") + b"INFO?\0"
    content = whole[:12] + extra + whole[12:]
    content = content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:]
    (tmp_path / "b.wav").write_bytes(content)
    with Excerpts([tmp_path / "a.wav", tmp_path / "b.wav"], [0, 0]) as files:
        plain, with_more = files.read(100, 1000)
    assert np.array_equal(plain, with_more) and plain_layout(tmp_path / "b.wav").offset > 44


def test_others_are_left_to_libsndfile(tmp_path: Path) -> None:
    assert plain_layout(write(tmp_path / "a.wav", subtype="PCM_24")) is None
    assert plain_layout(write(tmp_path / "b.wav", subtype="FLOAT")) is None
    assert plain_layout(write(tmp_path / "c.flac")) is None
    assert plain_layout(write(tmp_path / "d.wav", endian="BIG")) is None
    cut = write(tmp_path / "e.wav")
    cut.write_bytes(cut.read_bytes()[:-100])
    assert plain_layout(cut) is None and plain_layout(tmp_path / "none.wav") is None
    with Excerpts([tmp_path / "d.wav"], [0]) as files:
        assert np.array_equal(files.read(0, 50)[0], soundfile.read(tmp_path / "d.wav", 50, dtype="float32")[0][None])


def test_a_file_that_changes(tmp_path: Path) -> None:
    """Between two readings it is looked at anew; while it is read, what is gone is an error."""
    file = write(tmp_path / "a.wav")
    assert plain_layout(file).channels == 1
    assert plain_layout(write(file, channels=2)).channels == 2
    with Excerpts([file], [0]) as files:
        file.write_bytes(file.read_bytes()[:8000])
        with pytest.raises(
            AudioError, match=r"cannot read the stem '.*a\.wav' \(it became shorter\): check the corpus"
        ):
            files.read(3000, 100)
