"""What can be decoded decides how long a file is; what announces more than it holds is cut off."""

import struct
from pathlib import Path

import numpy as np
import pytest
from support.encoded import AFTER_AUDIO, apev2, id3v1, id3v2, tone, with_ffmpeg, with_soundfile

from stemtree.audio import open_source
from stemtree.audio.containers.ogg import page_checksum
from stemtree.errors import AudioError, TruncatedError

A, B = tone(0.5), tone(0.4, frequency=660)
NARROW = tone(0.4, 22050, 1)

WHOLE = {
    "wav": with_soundfile("WAV", A),
    "rf64": with_soundfile("RF64", A),
    "w64": with_soundfile("W64", A),
    "aiff": with_soundfile("AIFF", A),
    "au": with_soundfile("AU", A),
    "caf": with_soundfile("CAF", A),
    "flac": with_soundfile("FLAC", A),
    "ogg": with_soundfile("OGG", A),
    "opus": with_soundfile("OGG", tone(0.5, 48000), 48000, "OPUS"),
    "mp3": with_soundfile("MP3", A),
    "m4a": with_ffmpeg("ipod", "aac", A),
    "mov": with_ffmpeg("mov", "pcm_s16le", A),
    "mka": with_ffmpeg("matroska", "flac", A),
    "avi": with_ffmpeg("avi", "pcm_s16le", A),
    "wma": with_ffmpeg("asf", "wmav2", A, options={}),
    "wv": with_ffmpeg("wv", "wavpack", A),
    "tta": with_ffmpeg("tta", "tta", A),
}


def test_padding_of_more_than_a_frame_is_no_audio(tmp_path: Path) -> None:
    """Bytes before the first frame, so that our own reader takes the file."""
    (tmp_path / "a.mp3").write_bytes(bytes(64) + with_soundfile("MP3", A[:, :20752]))
    assert [count(tmp_path / "a.mp3"), open_source(tmp_path / "a.mp3").num_samples] == [20752, 20752]


def count(path: Path, **options: bool) -> int:
    return sum(block.shape[1] for block in open_source(path, **options).blocks(1 << 14))


@pytest.fixture
def write(tmp_path: Path):
    def make(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return make


@pytest.mark.parametrize("ending", WHOLE)
def test_what_stands_after_the_audio_changes_nothing(ending: str, write) -> None:
    counts = {name: count(write(f"a.{ending}", WHOLE[ending] + after)) for name, after in AFTER_AUDIO.items()}
    assert set(counts.values()) == {counts["nothing"]}
    assert counts["nothing"] >= (24000 if ending == "opus" else 20000)


@pytest.mark.parametrize("ending", WHOLE)
@pytest.mark.parametrize("part", [0.4, 0.7, 0.9])
def test_cut_off(ending: str, part: float, write) -> None:
    path = write(f"a.{ending}", WHOLE[ending][: int(part * len(WHOLE[ending]))])
    with pytest.raises(AudioError, match=r"cut off|damaged"):
        count(path)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "aiff", "avi", "mka"])
def test_a_cut_off_file_is_read_as_far_as_it_goes_and_that_is_noted(ending: str, write) -> None:
    path = write(f"a.{ending}", WHOLE[ending][: int(0.7 * len(WHOLE[ending]))])
    source = open_source(path, accept_truncated=True)
    held = sum(block.shape[1] for block in source.blocks(1 << 12))
    assert 0 < held < A.shape[1]
    assert any("cut off" in note or "damaged" in note for note in source.notes), source.notes


def patched(content: bytes, *fields: tuple[int, int]) -> bytes:
    """A file with 32-bit numbers (little-endian) put in."""
    changed = bytearray(content)
    for position, number in fields:
        changed[position : position + 4] = struct.pack("<I", number)
    return bytes(changed)


WAV = WHOLE["wav"]
DATA = WAV.index(b"data")
LARGEST = 0xFFFFFFFF
WAVS = {
    "sizes 0": patched(WAV, (4, 0), (DATA + 4, 0)),
    "data 0": patched(WAV, (DATA + 4, 0)),
    "sizes all ones": patched(WAV, (4, LARGEST), (DATA + 4, LARGEST)),
    "less the header": patched(WAV, (4, LARGEST - 8), (DATA + 4, LARGEST - 44)),
    "SoX": patched(WAV, (4, 0x7FFFF024), (DATA + 4, 0x7FFFF000)),
    "arecord": patched(WAV, (4, 0x80000024), (DATA + 4, 0x80000000)),
    "RIFF too large": patched(WAV, (4, len(WAV) + 148)),
    "RIFF too small": patched(WAV, (4, 100)),
    "metadata cut": patched(WAV, (4, len(WAV) + 492)) + b"LIST" + struct.pack("<I", 500) + b"INFO",
    "tag": WAV + id3v2(),
}


@pytest.mark.parametrize("kind", WAVS)
def test_wavs_whose_samples_are_all_there(kind: str, write) -> None:
    read = np.concatenate(list(open_source(write("a.wav", WAVS[kind])).blocks(1 << 14)), axis=1)
    assert np.array_equal(read, np.concatenate(list(open_source(write("b.wav", WAV)).blocks(1 << 14)), axis=1))


def test_caf_and_au_that_go_on_to_their_end(write) -> None:
    caf, au = bytearray(WHOLE["caf"]), bytearray(WHOLE["au"])
    at = caf.index(b"data") + 4
    caf[at : at + 8], au[8:12] = b"\xff" * 8, b"\xff" * 4
    assert count(write("a.caf", bytes(caf))) == count(write("a.au", bytes(au))) == A.shape[1]


def test_mp3_inside_wav(write) -> None:
    content = with_ffmpeg("wav", "libmp3lame", A)
    assert A.shape[1] <= count(write("a.wav", content)) <= A.shape[1] + 2400
    with pytest.raises(TruncatedError):
        count(write("cut.wav", content[: int(0.7 * len(content))]))


def test_g722_inside_wav(write) -> None:
    content = with_ffmpeg("wav", "g722", tone(1, 16000, 1), 16000)
    assert count(write("a.wav", content)) == 16000
    with pytest.raises(TruncatedError, match="it announces 8000 bytes of audio and holds"):
        count(write("cut.wav", content[:5000]))


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("a.ogg", WHOLE["ogg"], with_soundfile("OGG", B), A.shape[1] + B.shape[1]),
        ("a.opus", WHOLE["opus"], with_soundfile("OGG", tone(0.4, 48000), 48000, "OPUS"), 24000 + 19200),
        ("a.flac", WHOLE["flac"], with_soundfile("FLAC", B), A.shape[1] + B.shape[1]),
        ("b.flac", WHOLE["flac"], WHOLE["flac"], 2 * A.shape[1]),
    ],
)
def test_joined_files_are_read_whole(name: str, first: bytes, second: bytes, expected: int, write) -> None:
    path = write(name, first + second)
    source = open_source(path)
    blocks = np.concatenate(list(source.blocks(5000)), axis=1)
    assert source.num_samples == blocks.shape[1] == expected
    parts = [
        np.concatenate(list(open_source(write(f"p{name}", part)).blocks(5000)), axis=1) for part in (first, second)
    ]
    assert np.array_equal(blocks, np.concatenate(parts, axis=1))
    for start in (10000, parts[0].shape[1], parts[0].shape[1] + 1000, expected - 1):
        assert np.array_equal(np.concatenate(list(source.blocks(3000, start)), axis=1), blocks[:, start:])
        assert np.array_equal(source.excerpt(start, 2000), blocks[:, start : start + 2000])


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("a.ogg", with_soundfile("OGG", NARROW, 22050)),
        ("a.flac", with_soundfile("FLAC", NARROW, 22050)),
        ("a.mp3", with_soundfile("MP3", NARROW, 22050)),
        ("a.aac", with_ffmpeg("adts", "aac", NARROW, 22050)),
    ],
)
def test_a_change_on_the_way_is_named_with_its_time(name: str, second: bytes, write) -> None:
    first = with_ffmpeg("adts", "aac", A) if name == "a.aac" else WHOLE[name[2:]]
    message = r"changes from 44100 Hz stereo to 22050 Hz mono after 0\.5\d s: cut it there"
    with pytest.raises(AudioError, match=message):
        count(write(name, first + second))


def test_flac_whose_total_is_wrong(write) -> None:
    content = bytearray(WHOLE["flac"])
    for total, held in ((A.shape[1] // 2, A.shape[1]), (0, A.shape[1]), (2 * A.shape[1], None)):
        content[21] &= 0xF0
        content[22:26] = struct.pack(">I", total)
        path = write("a.flac", bytes(content))
        if held:
            assert count(path) == held
        else:
            with pytest.raises(TruncatedError, match=f"announces {total} samples and holds"):
                count(path)


def test_flac_whose_checksum_of_all_is_wrong(write) -> None:
    content = bytearray(WHOLE["flac"])
    content[30] ^= 1  # MD5
    assert count(write("a.flac", bytes(content))) == A.shape[1]


def test_ogg_ends(write) -> None:
    content = WHOLE["ogg"]
    last = content.rindex(b"OggS")
    unmarked = bytearray(content)
    unmarked[last + 5] &= ~4
    unmarked[last + 22 : last + 26] = bytes(4)
    unmarked[last + 22 : last + 26] = struct.pack("<I", page_checksum(bytes(unmarked[last:])))
    source = open_source(write("a.ogg", bytes(unmarked)))
    assert (
        sum(block.shape[1] for block in source.blocks(5000)) == A.shape[1] and "no mark at its end" in source.notes[0]
    )
    for ending in (content[: last + 3], content[: last + 20], content[: last + 40]):
        with pytest.raises(TruncatedError):
            count(write("cut.ogg", ending))
    wrong = bytearray(content)
    wrong[last + 22] ^= 1  # readers leave out a page whose checksum is wrong
    with pytest.raises(TruncatedError, match="its last Ogg page is damaged"):
        count(write("a.ogg", bytes(wrong)))


MP3, OTHER_MP3 = WHOLE["mp3"], with_soundfile("MP3", B)


def without_header(content: bytes) -> bytes:
    """An MP3 without the first frame, which tells the length."""
    return content[content.index(content[:2], 100) :]


@pytest.mark.parametrize("between", [b"", id3v2(), id3v1() + id3v2(), apev2(), bytes(500)])
def test_joined_mp3s(between: bytes, write) -> None:
    held = count(write("a.mp3", MP3 + between + OTHER_MP3))
    assert A.shape[1] + B.shape[1] <= held <= A.shape[1] + B.shape[1] + 5000
    assert count(write("b.mp3", id3v2() + MP3 + between + OTHER_MP3)) == held


def test_what_the_header_of_an_mp3_announces(write) -> None:
    at = next(MP3.index(name) for name in (b"Xing", b"Info") if name in MP3)
    frames = struct.unpack(">I", MP3[at + 8 : at + 12])[0]
    for announced in (frames // 2, 1):
        content = MP3[: at + 8] + struct.pack(">I", announced) + MP3[at + 12 :]
        assert count(write("a.mp3", content)) >= A.shape[1]
    content = MP3[: at + 8] + struct.pack(">I", 2 * frames) + MP3[at + 12 :]
    with pytest.raises(TruncatedError, match="samples and holds"):
        count(write("a.mp3", content))
    no_count = MP3[: at + 7] + bytes([MP3[at + 7] & ~1]) + MP3[at + 8 :]
    assert count(write("a.mp3", no_count)) >= A.shape[1]
    assert count(write("a.mp3", id3v2("Info") + without_header(MP3))) >= A.shape[1]
    assert count(write("a.mp3", bytes(700) + without_header(MP3))) >= A.shape[1]
    assert count(write("a.mp3", without_header(MP3)[:-50])) >= A.shape[1]  # a last short frame


def test_damage_within_an_mp3(write) -> None:
    content = bytearray(without_header(MP3))
    content[3000:3600] = b"\xaa" * 600
    with pytest.raises(AudioError, match=r"is damaged after .*bytes that are no MPEG audio"):
        count(write("a.mp3", bytes(content)))


@pytest.mark.parametrize("container", ["matroska", "avi"])
def test_a_film_that_is_cut_off(container: str, write) -> None:
    content = with_ffmpeg(container, "aac" if container == "matroska" else "pcm_s16le", A, video_seconds=2)
    assert count(write("film", content)) >= A.shape[1]
    with pytest.raises(TruncatedError):
        count(write("film", content[: int(0.7 * len(content))]))


def test_wavpack_whose_first_block_is_damaged(write) -> None:
    content = bytearray(WHOLE["wv"])
    content[200:260] = bytes(60)
    with pytest.raises(AudioError, match=r"damaged|cut off"):
        count(write("a.wv", bytes(content)))


@pytest.mark.parametrize("layout", ["FC+LFE", "BL+BR"])
def test_two_channels_that_are_not_left_and_right(layout: str, write) -> None:
    audio = np.concatenate([tone(0.2, channels=1), tone(0.2, channels=1, frequency=60)])
    path = write("a.mov", with_ffmpeg("mov", "pcm_s16le", audio, layout=layout))
    read = np.concatenate(list(open_source(path).blocks(1 << 14)), axis=1)
    np.testing.assert_allclose(read, audio, atol=1e-4)
