import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.audio import encode
from support.encoded import tone, with_ffmpeg

from stemtree.audio import open_source
from stemtree.audio.ffmpeg import AvSource
from stemtree.audio.libsndfile import SoundFileSource
from stemtree.errors import AudioError


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


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_video_that_outlasts_the_audio(ending: str, tmp_path: Path, excerpt: np.ndarray) -> None:
    path = tmp_path / f"film.{ending}"
    encode(path, "aac", excerpt, {}, video_seconds=8)
    held = sum(block.shape[1] for block in open_source(path).blocks(1 << 16))
    assert abs(held - excerpt.shape[1]) < 3000


def test_a_cut_off_container_is_no_silence(tmp_path: Path, excerpt: np.ndarray) -> None:
    whole, path = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    encode(whole, "aac", np.tile(excerpt, 4), {"movflags": "faststart"})
    content = whole.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    source = AvSource(path)
    assert source.num_samples is not None
    assert source.excerpt(44100, 44100).shape == (2, 44100)
    for start in (source.num_samples // 2, source.num_samples - 2 * 44100):
        with pytest.raises(AudioError, match=r"cut\.mp4' is (cut off: it announces|damaged after)"):
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


@pytest.mark.parametrize("name", ["AC:DC.m4a", "file:two.m4a", "concat:two.m4a", "cache:two.m4a"])
def test_a_colon_in_a_name_is_no_protocol(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file, frequency in ((name, 440), ("two.m4a", 880)):
        Path(file).write_bytes(with_ffmpeg("ipod", "aac", tone(0.5, frequency=frequency)))
    audio = np.concatenate(list(open_source(name).blocks(1 << 14)), axis=1)[0]
    loudest = np.argmax(np.abs(np.fft.rfft(audio))) * 44100 / len(audio)
    assert abs(loudest - 440) < 5


def test_names_and_tags_that_are_not_utf8(tmp_path: Path) -> None:
    content = with_ffmpeg("ipod", "aac", tone(0.5), metadata={"title": "Uberjam"}).replace(b"Uberjam", b"\xdcberjam")
    for file in (tmp_path / "tags.m4a", Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfcber.m4a"))):
        file.write_bytes(content)
        assert open_source(file).num_samples == 22050


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.ffconcat", "ffconcat version 1.0\nfile a.wav\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na.wav\n#EXT-X-ENDLIST\n"),
        ("list.wav", "ffconcat version 1.0\nfile a.wav\n"),
    ],
)
def test_text_that_names_other_files_is_no_audio(name: str, text: str, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav.read_bytes())
    (tmp_path / name).write_text(text)
    with pytest.raises(AudioError, match=r"cannot be read as audio"):
        open_source(tmp_path / name)


def test_one_of_several_streams(tmp_path: Path) -> None:
    path = tmp_path / "two.mka"
    path.write_bytes(with_ffmpeg("matroska", "flac", tone(0.5), streams=2))
    assert "holds 2 audio streams: the first was read" in open_source(path, None).notes[0]
    assert open_source(path, 0).notes == open_source(path, 1).notes == []
    with pytest.raises(AudioError, match="holds 2 audio streams: give a file with 3 or more"):
        open_source(path, 2)
