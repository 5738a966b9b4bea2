"""Tags that FFmpeg wrote into songs of all kinds come out of stems again, as FFmpeg and soundfile read them."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from support.encoded import png

from stemtree.audio import open_source
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
    soundfile.write(file, noise, 44100, format=kind.upper())
    return file


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg"])
@pytest.mark.parametrize("size", [0, 40, 300])
def test_written_tags_are_read_by_ffmpeg_and_leave_the_audio(kind: str, size: int, tmp_path: Path) -> None:
    file = samples(kind, tmp_path)
    before, length = soundfile.read(file)[0], open_source(file).num_samples
    pictures = (Picture(png(size), "image/png", size, size),) if size else ()
    write_tags(file, kind, Tags(TEXTS, pictures))
    assert np.array_equal(soundfile.read(file)[0], before) and open_source(file).num_samples == length
    with av.open(str(file)) as container:
        found = {**container.metadata, **container.streams.audio[0].metadata}
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    assert abs(decoded - len(before)) <= (1152 * 3 if kind == "mp3" else 0)
    read = {key.lower(): text for key, text in found.items()}
    if kind != "mp3":
        assert read.pop("tracktotal") == "12"
        read["track"] += "/12"
    assert {key: read.get(key) for key in TEXTS} == TEXTS
    assert [picture.data for picture in read_tags(file).pictures] == [picture.data for picture in pictures]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


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


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg"])
def test_as_mediainfo_of_ffmpeg(kind: str, tmp_path: Path) -> None:
    """FFmpeg's program, where it is, finds no fault in the files."""
    if not (ffmpeg := shutil.which("ffmpeg")):
        pytest.skip("no ffmpeg")
    file = samples(kind, tmp_path)
    write_tags(file, kind, Tags(TEXTS, (Picture(png(300), "image/png", 300, 300),)))
    run = [ffmpeg, "-v", "warning", "-xerror", "-i", str(file), "-map", "0:a", "-f", "null", "-"]
    assert subprocess.run(run, capture_output=True, text=True).stderr == ""
