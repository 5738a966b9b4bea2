import csv
import errno
import json
import sys
from pathlib import Path

import pytest
from support.archives import Server, make_7z, make_rar, make_zip, tone, write_listing

from stemtree.curation.gather.download import DownloadSettings
from stemtree.curation.gather.library import folder_names, gather
from stemtree.curation.gather.listing import ListedSong
from stemtree.curation.gather.song import GatherSettings
from stemtree.errors import CorpusError

SETTINGS = GatherSettings(download=DownloadSettings(tries=2, wait=0, timeout=5))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def library(server: Server, tmp_path: Path) -> Path:
    audio = {"Full/01_Kick.wav": tone(), "Full/02_Vox.wav": tone(0.1), "Full/notes.txt": b"x"}
    server.files |= {
        "/a.zip": make_zip(tmp_path / "a.zip", audio).read_bytes(),
        "/b.rar": make_rar(tmp_path / "b.rar", audio).read_bytes(),
        "/c.7z": make_7z(tmp_path / "c.7z", audio).read_bytes(),
        "/broken.zip": (tmp_path / "a.zip").read_bytes()[:-40],
        "/hostile.zip": make_zip(tmp_path / "h.zip", {"../../../evil.wav": tone()}).read_bytes(),
        "/a.mp3": b"preview",
    }
    server.odd["/busy.zip"] = lambda handler, count: handler.send_error(503)
    names = ["/a.zip", "/b.rar", "/c.7z", "/broken.zip", "/hostile.zip", "/none.zip", "/busy.zip"]
    previews = {"/a.zip": server.url("/a.mp3"), "/b.rar": server.url("/none.mp3")}
    return write_listing(
        tmp_path / "list.csv", [(name[1:], server.url(name), previews.get(name, "")) for name in names]
    )


def test_a_library_with_everything_that_goes_wrong(server: Server, library: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    songs, problems = gather(library, out, SETTINGS)
    assert [one.status for one in songs] == ["unpacked"] * 3 + ["quarantined"] * 2 + ["failed"] * 2
    for song in ("Anna - a.zip", "Anna - b.rar", "Anna - c.7z"):
        assert sorted(file.name for file in (out / "songs" / song).iterdir()) == [
            "01_Kick.wav",
            "02_Vox.wav",
            "song.json",
        ]
        assert (out / "songs" / song / "02_Vox.wav").read_bytes() == tone(0.1)
    facts = json.loads((out / "songs" / "Anna - a.zip" / "song.json").read_text())
    assert facts["genre"] == "Pop" and facts["left_out"] == ["Full/notes.txt"] and len(facts["sha256"]) == 64
    assert (out / "previews" / "Anna - a.zip.mp3").read_bytes() == b"preview"
    assert [problem.kind for problem in problems] == ["preview"]
    assert "is broken" in songs[3].reason and "lies outside its folder" in songs[4].reason
    assert "answers 404" in songs[5].reason and "status 503" in songs[6].reason
    assert (out / "quarantine" / "Anna - broken.zip.archive").read_bytes() == server.files["/broken.zip"]
    assert not list(tmp_path.rglob("evil.wav")) and list((out / "archives").glob("*.zip")) == []
    table = list(csv.DictReader((out / "songs.csv").read_text("utf-8").splitlines()))
    assert [row["status"] for row in table] == [one.status for one in songs]
    assert table[0]["files"] == "2" and table[0]["sha256"] == songs[0].sha256
    assert [row["left_out"] for row in table] == ["Full/notes.txt"] * 3 + [""] * 4
    assert [row["fault"] for row in table] == [""] * 3 + ["broken", "unsafe"] + ["download"] * 2


def test_the_next_run_does_only_what_is_missing(server: Server, library: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gather(library, out, SETTINGS)
    server.asked.clear()
    server.files["/none.zip"] = server.files["/a.zip"]
    (out / "quarantine" / "Anna - broken.zip.archive").unlink()
    server.files["/broken.zip"] = server.files["/a.zip"]
    songs, _ = gather(library, out, SETTINGS)
    assert [one.status for one in songs] == ["there"] * 3 + ["unpacked", "quarantined", "unpacked", "failed"]
    assert (songs[0].left_out, songs[4].fault) == (("Full/notes.txt",), "unsafe")
    assert {path for path, _ in server.asked} == {"/broken.zip", "/none.zip", "/busy.zip", "/none.mp3"}


def test_an_interrupted_run_keeps_the_rows_of_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_zip(tmp_path / "a.zip", {"1.wav": tone()})
    gather(write_listing(tmp_path / "list.csv", [("late", "a.zip", "")]), tmp_path / "out", SETTINGS)
    monkeypatch.setattr("stemtree.curation.gather.song.unpack", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        gather(
            write_listing(tmp_path / "list.csv", [("new", "a.zip", ""), ("late", "a.zip", "")]),
            tmp_path / "out",
            SETTINGS,
        )
    table = csv.DictReader((tmp_path / "out" / "songs.csv").read_text("utf-8").splitlines())
    assert [(row["song"], row["status"]) for row in table] == [("Anna - late", "there")]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    make_zip(tmp_path / "a.zip", {"1.wav": tone()})
    listing = write_listing(tmp_path / "list.csv", [("song", "a.zip", "")])
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("stemtree.curation.gather.song.unpack", full)
    monkeypatch.setattr("stemtree.curation.sessions.csv_tables.csv.writer", full)  # nor is there room for the table
    with pytest.raises(CorpusError, match=r"cannot write to '.*out' \(No space left on device\): make room"):
        gather(listing, tmp_path / "out", SETTINGS)
    assert [file.name for file in (tmp_path / "out").rglob("*") if file.is_file()] == []


def test_folders_of_songs() -> None:
    def named(artist: str, title: str) -> str:
        return folder_names([ListedSong("", "", title, artist, "a.zip")])[0]

    assert named("AC/DC", "What? Where..") == "AC_DC - What_ Where"
    assert named("", "..") == "_"
    assert len(named("x" * 300, "y").encode()) <= 200
    twins = [ListedSong("", "", title, "A", "a.zip") for title in ("Song", "SONG", "song")]
    assert folder_names(twins) == ["A - Song", "A - SONG (2)", "A - song (3)"]


def test_what_becomes_of_an_archive_does_not_depend_on_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles that sound like messages: a broken archive is quarantined, one that nothing here reads is tried again."""
    for name in ("She needs the sun.zip", "other.zip"):
        content = make_zip(tmp_path / name, {"1.wav": tone()}).read_bytes()
        (tmp_path / name).write_bytes(content[:-30])
    make_rar(tmp_path / "is broken.rar", {"1.wav": tone()})
    monkeypatch.setitem(sys.modules, "rarfile", None)
    rows = [(name, name, "") for name in ("She needs the sun.zip", "other.zip", "is broken.rar")]
    listing = write_listing(tmp_path / "list.csv", rows)
    songs, _ = gather(listing, tmp_path / "out", SETTINGS)
    assert [(song.status, song.fault) for song in songs] == [("quarantined", "broken")] * 2 + [("failed", "no reader")]
    monkeypatch.undo()
    songs, _ = gather(listing, tmp_path / "out", SETTINGS)
    assert [song.status for song in songs] == ["quarantined", "quarantined", "unpacked"]
