import gc
import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.audio import open_source, to_source
from stemtree.audio.regular_file import regular_file
from stemtree.errors import AudioError, OptionError


def test_a_pipe_is_read_into_a_temporary_file_that_goes_away(wav: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(wav.read_bytes()))
    writer.start()
    source = open_source(pipe)
    writer.join()
    assert source.name == str(pipe) and source.path != pipe
    for _ in range(2):
        assert sum(block.shape[1] for block in source.blocks(1000)) == 44100
    temporary = source.path
    del source
    gc.collect()
    assert not temporary.exists()


def test_file_objects(wav: Path) -> None:
    memory = io.BytesIO(wav.read_bytes())
    memory.seek(0, io.SEEK_END)  # as after writing
    with wav.open("rb") as file:
        for song in (memory, file):
            assert to_source(song).num_samples == 44100
        with pytest.raises(OptionError, match="tells its own sample rate"):
            to_source(file, 44100)


def test_what_is_no_file(wav: Path, tmp_path: Path) -> None:
    with wav.open("rb") as closed:
        pass
    with (tmp_path / "text.wav").open("w+", encoding="utf-8") as text:
        for song, message in (
            (tmp_path, "is a folder: give an audio file"),
            ("/dev/zero", "is a device: give an audio file or a pipe"),
            ("a\0b", "is no file name"),
            (tmp_path / "none", "No such file or directory"),
            (text, "open as text: open it in binary mode"),
            (closed, "closed file; give an open file"),
            (io.BytesIO(), "holds no data"),
        ):
            with pytest.raises(AudioError, match=message):
                regular_file(song)


def test_pairs_of_samples_and_rate(wav: Path) -> None:
    samples, rate = soundfile.read(wav)
    for song in ((samples, rate), (rate, samples), (samples.T, rate), (samples.astype(">f4"), rate)):
        source = to_source(song)
        assert (source.channels, source.num_samples, source.sample_rate) == (2, 44100, 44100)
        np.testing.assert_allclose(next(source.blocks(100)), samples[:100].T, atol=1e-6)
    assert to_source(samples, rate).channels == 2
    assert next(to_source(np.array([0, 16384], ">i2"), 8000).blocks(2)).tolist() == [[0, 0.5]]
    with pytest.raises(OptionError, match="leave out sample_rate=8000"):
        to_source((samples, rate), 8000)
    assert to_source((0.0, 0.5), 8000).num_samples == 2
