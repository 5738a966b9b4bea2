"""Stretches of files as training reads them."""

import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from support.audio import encode

from stemtree.audio import Excerpts, read
from stemtree.audio.headers import silence_stderr
from stemtree.audio.read import AvSource
from stemtree.errors import AudioError


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_audio_is_named(value: float, tmp_path: Path) -> None:
    audio = np.zeros(1000, np.float32)
    audio[700] = value
    soundfile.write(tmp_path / "bad.wav", audio, 8000, "FLOAT")
    with Excerpts([tmp_path / "bad.wav"], [0]) as file:
        assert file.read(0, 600)[0].shape == (1, 600)
        with pytest.raises(AudioError, match=r"bad\.wav' holds NaN or infinity at sample 700"):
            file.read(500, 400)


def test_mp3_without_a_length_is_read_as_it_was_checked(mp3_without_length: Path) -> None:
    whole, _ = read(mp3_without_length)
    start = 44100 * 17
    with Excerpts([mp3_without_length], [0]) as file:
        np.testing.assert_array_equal(file.read(start, 44100)[0], whole[:, start : start + 44100].astype(np.float32))


def test_a_cut_off_container_is_no_silence(tmp_path: Path, excerpt: np.ndarray) -> None:
    whole, path = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    encode(whole, "aac", np.tile(excerpt, 4), {"movflags": "faststart"})
    content = whole.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    source = AvSource(path)
    assert source.num_samples is not None
    assert source.excerpt(44100, 44100).shape == (2, 44100)
    for start in (source.num_samples // 2, source.num_samples - 2 * 44100):
        with pytest.raises(AudioError, match=r"cut\.mp4' is (cut off: it announces|damaged near)"):
            source.excerpt(start, 2 * 44100)
    assert AvSource(whole).excerpt(source.num_samples - 1000, 44100).shape[1] <= 1000 + 1024  # the end is no damage
    assert AvSource(whole).excerpt(source.num_samples + 9000, 10).shape == (2, 0)


@pytest.mark.parametrize("delay", [0, 33000])
def test_excerpts_of_aac_are_the_file(delay: int, tmp_path: Path) -> None:
    """Also where its time does not begin at 0, and right where decoding would begin without a warm-up."""
    path = tmp_path / "late.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="stereo", bit_rate=320000)
        tone = np.sin(np.arange(6 * 44100) / 15) / 3
        audio = np.stack([tone, tone]).astype(np.float32)
        for start in range(0, audio.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio[:, start : start + 1024]), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start + delay, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source = AvSource(path)
    with av.open(str(path)) as container:
        assert bool(container.streams.audio[0].start_time) == bool(delay)
    whole = np.concatenate(list(source.blocks(1 << 16)), axis=1)
    for start in (0, 60_000, 100 * 1024, 150_000):
        np.testing.assert_allclose(source.excerpt(start, 5000), whole[:, start : start + 5000], atol=1e-3)


def test_threads_that_are_quiet_at_once_leave_stderr_as_it_was() -> None:
    before = os.readlink("/proc/self/fd/2")
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def second() -> None:
        first_is_in.wait(5)
        with silence_stderr():
            second_is_in.set()
            first_is_out.wait(5)

    thread = threading.Thread(target=second)
    thread.start()
    with silence_stderr():
        first_is_in.set()
        second_is_in.wait(5)
    try:
        assert os.readlink("/proc/self/fd/2") == "/dev/null"  # the second is still in
    finally:
        first_is_out.set()
        thread.join()
    assert os.readlink("/proc/self/fd/2") == before
