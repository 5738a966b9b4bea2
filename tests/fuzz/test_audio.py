"""Audio files with spoilt headers and packets are read, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import encoded
from support.fuzz import Edit, Originals, edited, edits, fuzzed, only_sentences, spoilt_file

from stemtree.audio import open_source, read
from stemtree.audio.excerpts import Excerpts
from stemtree.audio.tags import TAGGED, Picture, Tags, read_tags, write_tags
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
_MADE_OF_OTHERS = {
    "joined.ogg": ["ogg", "ogg"], "joined.mp3": ["mp3", "ID3v2", "mp3", "APEv2"], "joined.flac": ["flac", "flac"],
    "tagged.mp3": ["ID3v2", "mp3", "ID3v1"], "mixed.ogg": ["ogg", "opus"], "tail.wv": ["wv", "wv", "APEv2"],
}  # fmt: skip
_TAGS = Tags({"title": "Ä", "artist": "B"}, (Picture(encoded.png(4), "image/png", 4, 4),))
_PIECES = {"ID3v2": encoded.id3v2(), "ID3v1": encoded.id3v1(), "APEv2": encoded.apev2()}


def _make(name: str) -> bytes:
    if name in _WITH_SOUNDFILE:
        container, subtype = _WITH_SOUNDFILE[name]
        rate = 48000 if subtype == "OPUS" else 22050
        return encoded.with_soundfile(container, _SOUND, rate, subtype)
    container, codec = _WITH_FFMPEG[name]
    rate = 48000 if codec in ("libopus", "ac3", "mp2") else 22050
    return encoded.with_ffmpeg(container, codec, _SOUND, rate)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    made = {name: _make(name) for name in (*_WITH_SOUNDFILE, *_WITH_FFMPEG)} | _PIECES
    made |= {name: b"".join(made[part] for part in parts) for name, parts in _MADE_OF_OTHERS.items()}
    for container in TAGGED:
        file = tmp_path_factory.mktemp("tags") / f"a.{container}"
        file.write_bytes(made[container])
        write_tags(file, container, _TAGS)
        made[f"cover.{container}"] = file.read_bytes()
    return Originals(made)


_NAMES = [*_WITH_SOUNDFILE, *_WITH_FFMPEG, *_MADE_OF_OTHERS, *(f"cover.{container}" for container in TAGGED)]


@fuzzed(60)
@given(st.sampled_from(_NAMES), edits(), st.booleans())
@example("float.wav", [(84, 0, b"\0")], True)
@example("joined.ogg", [("number", 0, 4, 0, 0), ("number", 0, 4, 0, 0), ("number", 3, 7, 3, 0)], True)
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
        with only_sentences(), Excerpts([file], [0]) as excerpts:
            excerpts.read(0, 50)
            excerpts.read(200, 1 << 20)
        for part in read_tags(file).pictures:
            assert part.data


@fuzzed(15)
@given(st.sampled_from(TAGGED), edits())
def test_tags(tmp_path: Path, sounds: Originals, container: str, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, f"song.{container}", edited(sounds[f"cover.{container}"], changes)) as file:
        tags = read_tags(file)
        stem = file.with_name(f"stem.{container}")
        stem.write_bytes(sounds[container])
        before, _ = read(stem)
        write_tags(stem, container, tags)
        np.testing.assert_array_equal(read(stem)[0], before)
