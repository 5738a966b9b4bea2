"""Files held in memory, against what libsndfile reads of them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.audio import Excerpts
from stemtree.audio.held import HeldFiles

NUM_SAMPLES = 9000
BYTES = 2 * NUM_SAMPLES


def write(file: Path, channels: int = 1, subtype: str = "PCM_16") -> Path:
    samples = np.random.default_rng(channels).uniform(-1, 1, (NUM_SAMPLES, channels))
    samples[:2] = [[-1] * channels, [1] * channels]
    soundfile.write(file, samples, 8000, subtype)
    return file


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("end", [None, 5000])
@pytest.mark.parametrize("place", [(0, 9000), (4095, 2), (1234, 77), (4990, 100), (8990, 100), (9000, 10), (9500, 10)])
def test_the_same_bits_as_without(channels: int, end: int | None, place: tuple[int, int], tmp_path: Path) -> None:
    file, held = write(tmp_path / "a.flac", channels), HeldFiles(4 * BYTES)
    with Excerpts([file], [0], [end]) as direct, Excerpts([file], [0], [end], held) as whole:
        if place[0] <= NUM_SAMPLES:
            (expected,) = direct.read(*place)
        else:  # libsndfile does not seek beyond the end
            expected = np.empty((channels, 0), np.float32)
        (found,) = whole.read(*place)
    assert held.open(file) is not None
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


def test_no_more_than_the_limit(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}.flac") for number in range(3)]
    held = HeldFiles(2 * BYTES + 100)
    assert [held.open(file) is not None for file in (*files, *files)] == [True, True, False] * 2
    assert held.open(files[0]) is held.open(files[0])
    assert pickle.loads(pickle.dumps(held)).open(files[2]) is not None  # another process begins anew
    with Excerpts([files[2]], [0], held=held) as excerpts:
        assert np.array_equal(excerpts.read(10, 20)[0], soundfile.read(files[2], 20, 10, dtype="float32")[0][None])


def test_a_file_that_changes_is_decoded_anew(tmp_path: Path) -> None:
    held = HeldFiles(8 * BYTES)
    for channels in (1, 2):
        opened = held.open(write(tmp_path / "a.flac", channels))
        assert opened is not None and opened.channels == channels


def test_others_are_read_as_before(tmp_path: Path) -> None:
    held, damaged = HeldFiles(8 * BYTES), write(tmp_path / "c.flac")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    damaged.write_bytes(content)
    for file in (write(tmp_path / "a.flac", subtype="PCM_24"), write(tmp_path / "b.ogg", subtype="VORBIS"), damaged):
        assert held.open(file) is None
        with Excerpts([file], [0], held=held) as ours, Excerpts([file], [0]) as theirs:
            assert np.array_equal(ours.read(5, 50)[0], theirs.read(5, 50)[0])
    assert held.open(tmp_path / "none.flac") is None
