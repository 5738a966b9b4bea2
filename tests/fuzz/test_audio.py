"""Audio files with spoilt headers and packets are read, or refused in a sentence."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import encoded
from support.fuzz import Edit, Originals, edited, edits, fuzzed, only_sentences, spoilt_file

from stemtree.audio import open_source, read
from stemtree.corpora.headers import read_header
from stemtree.corpora.track import AudioFile

_SOUND = encoded.tone(0.05, 22050)

_WITH_SOUNDFILE = {
    "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "adpcm.wav": ("WAV", "IMA_ADPCM"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"), "aiff": ("AIFF", "PCM_24"),
    "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"), "w64": ("W64", "PCM_16"), "rf64": ("RF64", "PCM_16"),
    "voc": ("VOC", "PCM_16"), "wavex.wav": ("WAVEX", "PCM_16"), "nist": ("NIST", "PCM_16"),
}  # fmt: skip
_WITH_FFMPEG = {
    "m4a": ("mp4", "aac"), "mov": ("mov", "pcm_s16le"), "mkv": ("matroska", "flac"), "webm": ("webm", "libopus"),
    "aac": ("adts", "aac"), "wv": ("wv", "wavpack"), "wma": ("asf", "wmav2"), "avi": ("avi", "pcm_s16le"),
    "tta": ("tta", "tta"), "ac3": ("ac3", "ac3"), "ts": ("mpegts", "mp2"), "alac.m4a": ("mp4", "alac"),
}  # fmt: skip


def _make(name: str) -> bytes:
    if name in _WITH_SOUNDFILE:
        container, subtype = _WITH_SOUNDFILE[name]
        rate = 48000 if subtype == "OPUS" else 22050
        return encoded.with_soundfile(container, _SOUND, rate, subtype)
    container, codec = _WITH_FFMPEG[name]
    rate = 48000 if codec in ("libopus", "ac3", "mp2") else 22050
    return encoded.with_ffmpeg(container, codec, _SOUND, rate)


@pytest.fixture(scope="module")
def sounds() -> Originals:
    return Originals({name: _make(name) for name in (*_WITH_SOUNDFILE, *_WITH_FFMPEG)})


@fuzzed(60)
@given(st.sampled_from([*_WITH_SOUNDFILE, *_WITH_FFMPEG]), edits(), st.booleans())
@example("float.wav", [(84, 0, b"\0")], True)
def test_audio(tmp_path: Path, sounds: Originals, name: str, changes: list[Edit], accept: bool) -> None:
    with spoilt_file(tmp_path, f"song.{name}", edited(sounds[name], changes)) as file:
        with only_sentences():
            source = open_source(file, None, accept_truncated=accept)
            for _ in source.blocks(1 << 16):
                pass
        with only_sentences():
            read(file, 100, 300)
        with only_sentences():
            read_header(AudioFile(file))
