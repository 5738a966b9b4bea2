"""What the messages of reading and writing advise helps: each remedy is tried."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.encoded import tone, with_ffmpeg, with_soundfile

from stemtree.audio import ArraySource, OutputFormat, StemWriter, open_source, to_source
from stemtree.audio.formats import FORMATS
from stemtree.errors import AudioError, OptionError, StemtreeError

SOUND = tone(0.2)


@pytest.mark.parametrize(
    ("wrong", "message", "remedy"),
    [
        (lambda: ArraySource(np.zeros((2, 3, 4)), 8000), "give it as (channel, sample)", (np.zeros((2, 3)), 8000)),
        (lambda: ArraySource(np.zeros(9, np.int64), 8000), "give floats", (np.zeros(9, np.int32), 8000)),
        (lambda: ArraySource(SOUND, 44100.0), "give a whole number of Hz", (SOUND, 44100)),
        (lambda: ArraySource(SOUND, 200000), "between 8000 and 192000 Hz", (SOUND, 192000)),
        (lambda: ArraySource(np.zeros((3, 9)), 8000), "mix it down to mono or stereo", (np.zeros((2, 9)), 8000)),
        (lambda: ArraySource(np.zeros(0), 8000), "at least one sample", (np.zeros(1), 8000)),
        (lambda: to_source(SOUND), "give sample_rate in Hz", (SOUND, 44100)),
        (lambda: to_source((SOUND, 44100), 44100), "leave out sample_rate=44100", ((SOUND, 44100), None)),
    ],
)
def test_samples(wrong: Callable[[], object], message: str, remedy: tuple[object, int | None]) -> None:
    with pytest.raises(StemtreeError, match=re.escape(message)):
        wrong()
    assert to_source(*remedy).channels in (1, 2)


@pytest.mark.parametrize(
    ("wrong", "message", "remedies"),
    [
        (("ogg", "pcm16"), "leave --subtype out", [("ogg", None)]),
        (("flac", "float"), "choose pcm24, or the format wav", [("flac", "pcm24"), ("wav", "float")]),
        (("wavv", None), "did you mean wav?", [("wav", None)]),
        (("wav", "pcm61"), "did you mean pcm16, pcm24?", [("wav", "pcm16")]),
    ],
)
def test_formats(wrong: tuple[str, str], message: str, remedies: list[tuple[str, str]]) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        OutputFormat(*wrong)
    for remedy in remedies:
        OutputFormat(*remedy)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 65537, 96000, 96096, 192000])
def test_formats_that_are_advised_hold_the_rate(sample_rate: int, tmp_path: Path) -> None:
    for name in FORMATS:
        try:
            formats = [OutputFormat(name).for_source("pcm16", sample_rate)]
        except OptionError as error:
            advised = str(error).rpartition("choose ")[2].split(" or ")
            assert advised and name not in advised
            formats = [OutputFormat(one).for_source("pcm16", sample_rate) for one in advised]
        for number, output in enumerate(formats):
            place = tmp_path / f"{name}{number}.{output.container}"
            with StemWriter(place, output, sample_rate, 2) as writer:
                writer.write((SOUND * (1 if output.is_lossy else 1000)).astype(np.float32 if output.is_lossy else int))
            assert open_source(place).sample_rate == sample_rate


def test_files(tmp_path: Path) -> None:
    whole = with_soundfile("WAV", SOUND)
    for name, content, message in (
        ("cut.wav", whole[: len(whole) // 2], "is cut off: .* re-save it to keep what is there"),
        ("empty.wav", b"", "is an empty file: get a whole copy"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AudioError, match=message):
            open_source(tmp_path / name)
    with pytest.raises(AudioError, match="is a folder: give an audio file"):
        open_source(tmp_path)
    there = open_source(tmp_path / "cut.wav", accept_truncated=True).excerpt(0, len(SOUND.T))
    soundfile.write(tmp_path / "saved.wav", there.T, 44100)
    assert open_source(tmp_path / "saved.wav").num_samples == there.shape[1] > 0
    (tmp_path / "two.mkv").write_bytes(with_ffmpeg("matroska", "flac", SOUND, streams=2))
    source = open_source(tmp_path / "two.mkv", None)
    assert source.notes[0].endswith("holds 2 audio streams: the first was read, --stream chooses another")
    assert open_source(tmp_path / "two.mkv", 1).stream == 1
    with pytest.raises(AudioError, match="holds 2 audio streams: give a file with 3 or more"):
        open_source(tmp_path / "two.mkv", 2)
