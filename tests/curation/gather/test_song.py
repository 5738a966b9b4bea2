from pathlib import Path

import pytest
from support.archives import Server, make_zip, tone, write_listing

from stemtree.curation.gather.download import DownloadSettings
from stemtree.curation.gather.library import gather
from stemtree.curation.gather.song import GatherSettings

SETTINGS = GatherSettings(download=DownloadSettings(tries=2, wait=0, timeout=5))


def test_another_archive_for_a_song_replaces_it(server: Server, tmp_path: Path) -> None:
    server.files["/1.zip"] = make_zip(tmp_path / "1.zip", {"old.wav": tone()}).read_bytes()
    server.files["/2.zip"] = make_zip(tmp_path / "2.zip", {"new.wav": tone()}).read_bytes()
    for number in (1, 2):
        listing = write_listing(tmp_path / "list.csv", [("song", server.url(f"/{number}.zip"), "")])
        gather(listing, tmp_path / "out", SETTINGS)
    assert sorted(file.name for file in (tmp_path / "out" / "songs" / "Anna - song").iterdir()) == [
        "new.wav",
        "song.json",
    ]


def test_a_folder_that_was_filled_by_hand_is_left(tmp_path: Path) -> None:
    make_zip(tmp_path / "1.zip", {"1.wav": tone()})
    own = tmp_path / "out" / "songs" / "Anna - song" / "notes.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    (song,), _ = gather(write_listing(tmp_path / "list.csv", [("song", "1.zip", "")]), tmp_path / "out", SETTINGS)
    assert (song.status, song.fault, own.read_text()) == ("failed", "in the way", "mine")
    assert "holds something else than a song unpacked here: move it away" in song.reason


def test_files_on_this_machine_stay_where_they_are(tmp_path: Path) -> None:
    make_zip(tmp_path / "one & only.zip", {"1.wav": tone()})
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 cut")
    rows = [("good", "one & only.zip", ""), ("bad", "bad.zip", ""), ("none", "none.zip", "")]
    songs, _ = gather(write_listing(tmp_path / "list.csv", rows), tmp_path / "out", SETTINGS)
    assert [one.status for one in songs] == ["unpacked", "quarantined", "failed"]
    assert (tmp_path / "one & only.zip").exists() and (tmp_path / "bad.zip").exists()
    make_zip(tmp_path / "bad.zip", {"1.wav": tone()})
    songs, _ = gather(tmp_path / "list.csv", tmp_path / "out", SETTINGS)
    assert [one.status for one in songs] == ["there", "unpacked", "failed"]


def test_what_an_interrupted_run_fetched_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a.zip"] = make_zip(tmp_path / "a.zip", {"1.wav": tone()}).read_bytes()
    listing = write_listing(tmp_path / "list.csv", [("song", server.url("/a.zip"), "")])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stemtree.curation.gather.song.unpack", stop)
        with pytest.raises(KeyboardInterrupt):
            gather(listing, tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out" / "songs").exists()
    (done,), _ = gather(listing, tmp_path / "out", SETTINGS)
    assert done.status == "unpacked" and len(server.asked) == 1


def test_a_preview_that_could_not_be_fetched_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = make_zip(tmp_path / "a.zip", {"1.wav": tone()}).read_bytes()
    listing = write_listing(tmp_path / "list.csv", [("song", server.url("/a.zip"), server.url("/a.mp3"))])
    _, problems = gather(listing, tmp_path / "out", SETTINGS)
    assert [problem.kind for problem in problems] == ["preview"]
    server.files["/a.mp3"] = b"preview"
    for _ in range(2):
        (song,), problems = gather(listing, tmp_path / "out", SETTINGS)
        assert song.status == "there" and problems == []
    assert (tmp_path / "out" / "previews" / "Anna - song.mp3").read_bytes() == b"preview"
    assert [path for path, _ in server.asked] == ["/a.zip", "/a.mp3", "/a.mp3"]


def test_a_server_that_is_away_is_not_waited_for_with_every_song(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("stemtree.curation.gather.download.time.sleep", pauses.append)
    away = [(f"song {number}", f"http://127.0.0.1:9/{number}.zip", "") for number in range(4)]
    songs, _ = gather(
        write_listing(tmp_path / "list.csv", away), tmp_path / "out", GatherSettings(download=DownloadSettings(tries=3))
    )
    assert [song.status for song in songs] == ["failed"] * 4 and len(pauses) == 2
    assert "in 3 tries ('127.0.0.1' cannot be reached)" in songs[0].reason and "in 1 try" in songs[3].reason
    assert [file.name for file in (tmp_path / "out").rglob("*") if file.is_file()] == ["songs.csv"]


def test_links_of_a_saved_page_lead_to_files_beside_it(tmp_path: Path) -> None:
    for name in ("a b.zip", "100%.zip", "c%20d.zip", "ü.zip"):
        make_zip(tmp_path / name, {"1.wav": tone()})
    rows = [("1", "a%20b.zip?download=1", ""), ("2", "100%.zip", ""), ("3", "c%20d.zip", ""), ("4", "%C3%BC.zip", "")]
    rows.append(("5", (tmp_path / "a b.zip").as_uri(), ""))
    songs, _ = gather(write_listing(tmp_path / "list.csv", rows), tmp_path / "out", SETTINGS)
    assert [song.status for song in songs] == ["unpacked"] * 5
    rows = [("1", "ftp://h/a.zip", ""), ("2", "none%20.zip", ""), ("3", f"{'x' * 300}.zip", "")]
    songs, _ = gather(write_listing(tmp_path / "list.csv", rows), tmp_path / "out2", SETTINGS)
    assert "is no http or https address" in songs[0].reason
    assert all("there is no archive" in song.reason for song in songs[1:])
