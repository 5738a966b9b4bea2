"""Tags that FFmpeg wrote into songs of all kinds come out of stems again, as FFmpeg and soundfile read them."""

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from support.encoded import png
from support.mp4 import find

from stemtree.audio import OutputFormat, StemWriter, open_source, read
from stemtree.audio.containers.ogg import page_checksum
from stemtree.audio.tags import Picture, Tags, read_tags, write_tags
from stemtree.audio.tags.ogg import _checksum

TEXTS = {
    "title": "Líto ☀", "artist": "Anna = Bert", "album_artist": "Both", "album": "An Album", "date": "1999",
    "track": "3/12", "genre": "Pop", "comment": "mine", "composer": "Cleo", "mood": "calm",
}  # fmt: skip


def samples(kind: str, tmp_path: Path, seconds: float = 2.0) -> Path:
    file = tmp_path / f"plain.{kind}"
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (int(44100 * seconds), 2))
    if kind == "flac":
        soundfile.write(file, noise, 44100)
    else:
        with StemWriter(file, OutputFormat(kind), 44100, 2) as writer:
            writer.write(noise.T.astype(np.float32))
    return file


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "m4a"])
@pytest.mark.parametrize("size", [0, 40, 300])
def test_written_tags_are_read_by_ffmpeg_and_leave_the_audio(kind: str, size: int, tmp_path: Path) -> None:
    file = samples(kind, tmp_path)
    before, length = read(file)[0].T, open_source(file).num_samples
    pictures = (Picture(png(size), "image/png", size, size),) if size else ()
    write_tags(file, kind, Tags(TEXTS, pictures))
    assert np.array_equal(read(file)[0].T, before) and open_source(file).num_samples == length
    with av.open(str(file)) as container:
        found = {**container.metadata, **container.streams.audio[0].metadata}
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(decoded - len(before)) <= (1152 * 3 if kind == "mp3" else 0)
    texts = {key.lower(): text for key, text in found.items()}
    if kind in ("flac", "ogg"):
        assert texts.pop("tracktotal") == "12"
        texts["track"] += "/12"
    assert {key: texts.get(key) for key in TEXTS} == TEXTS
    assert [picture.data for picture in read_tags(file).pictures] == [picture.data for picture in pictures]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_items_of_mp4(tmp_path: Path) -> None:
    """Numbers are numbers there, and what they cannot hold is a text of its own name."""
    file = samples("m4a", tmp_path, 0.1)
    texts = {
        "track": "70000",
        "disc": "1",
        "bpm": "120",
        "compilation": "1",
        "isrc": "X",
        "lyrics-eng": "la",
        "a/b": "c",
    }
    write_tags(file, "m4a", Tags(texts, (Picture(png(9), "image/png"), Picture(b"\xff\xd8\xff", "image/jpeg"))))
    listed = find(file.read_bytes(), b"moov", b"udta", b"meta")[4:]
    items = find(listed, b"ilst")
    assert find(items, b"disk", b"data") == bytes(11) + b"\1" + bytes(2)
    assert find(items, b"tmpo", b"data") == struct.pack(">IIH", 21, 0, 120)
    assert find(items, b"cpil", b"data") == struct.pack(">IIB", 21, 0, 1)
    assert find(items, b"\xa9lyr", b"data")[8:] == b"la"
    assert items.count(b"----") == 3 and find(items, b"----", b"name")[4:] == b"track"
    assert find(items, b"covr", b"data") == struct.pack(">II", 14, 0) + png(9)
    assert [picture.mime for picture in read_tags(file).pictures] == ["image/png", "image/jpeg"]


def m4a(tmp_path: Path) -> Path:
    file = tmp_path / "song.m4a"
    with av.open(str(file), "w") as container:
        container.metadata.update(TEXTS)
        stream = container.add_stream("aac", rate=44100, layout="stereo")
        for start in range(0, 44100, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def test_tags_of_other_containers(tmp_path: Path) -> None:
    found = read_tags(m4a(tmp_path)).texts
    assert {key: found.get(key) for key in TEXTS if key != "mood"} == {k: v for k, v in TEXTS.items() if k != "mood"}
    assert "encoder" not in found and "major_brand" not in found


def test_texts_without_end(tmp_path: Path) -> None:
    file = samples("ogg", tmp_path, 0.1)
    write_tags(file, "ogg", Tags({"artist": "Anna", "lyrics": "x" * (1 << 21), "mood": "a\0b", "genre": " "}))
    tags = read_tags(file)
    assert tags.texts["artist"] == "Anna" and "lyrics" not in tags.texts and "genre" not in tags.texts
    write_tags(samples("flac", tmp_path, 0.1), "flac", tags)


def test_what_holds_for_the_song_alone_is_left() -> None:
    from stemtree.audio.tags.tags import is_kept

    left = ["REPLAYGAIN_TRACK_GAIN", "R128_TRACK_GAIN", "iTunNORM", "encoder", "TLEN", "iTunSMPB", ""]
    assert not any(map(is_kept, left)) and all(map(is_kept, TEXTS))


def test_the_title_of_a_stem() -> None:
    assert Tags({"title": "One", "artist": "A"}).of_stem("bass", "file").texts == {"title": "One (bass)", "artist": "A"}
    assert Tags({"artist": "A"}).of_stem("drum set", "file").texts["title"] == "file (drum set)"
    assert not Tags().of_stem("bass", "file")


def test_files_without_tags_or_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no audio")
    assert not read_tags(tmp_path / "text.mp3") and not read_tags(tmp_path / "none.mp3")
    assert not read_tags(samples("flac", tmp_path)) and not read_tags(tmp_path / "plain.flac", 7)
    before = (tmp_path / "plain.flac").read_bytes()
    write_tags(tmp_path / "plain.flac", "flac", Tags())
    assert (tmp_path / "plain.flac").read_bytes() == before


def test_the_checksum_of_a_page_has_a_slow_twin() -> None:
    page = bytes(np.random.default_rng(0).integers(0, 256, 1000, dtype=np.uint8))
    assert _checksum(page) == page_checksum(page)


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "m4a"])
def test_as_mediainfo_of_ffmpeg(kind: str, tmp_path: Path) -> None:
    """FFmpeg's program, where it is, finds no fault in the files."""
    if not (ffmpeg := shutil.which("ffmpeg")):
        pytest.skip("no ffmpeg")
    file = samples(kind, tmp_path)
    write_tags(file, kind, Tags(TEXTS, (Picture(png(300), "image/png", 300, 300),)))
    level = "error" if kind == "m4a" else "warning"  # some versions miss a time base of the picture, which needs none
    run = [ffmpeg, "-v", level, "-xerror", "-i", str(file), "-map", "0:a", "-f", "null", "-"]
    assert subprocess.run(run, capture_output=True, text=True).stderr == ""
