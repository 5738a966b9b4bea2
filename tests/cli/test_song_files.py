from pathlib import Path

import pytest

from stemtree.cli.song_files import SongFile, find_songs, tell_apart


def _touch(folder: Path, *names: str) -> list[Path]:
    files = [folder / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return files


def _found(names: list[Path], output: Path, recursive: bool = True) -> tuple[list[SongFile], list[tuple[str, str]]]:
    failures: list[tuple[str, str]] = []
    songs = find_songs([str(name) for name in names], output, recursive, lambda *failure: failures.append(failure))
    return songs, failures


@pytest.mark.parametrize(
    ("files", "tracks"),
    [
        (["a/x.wav", "a/y.wav"], [None, None]),
        (["a/x.wav", "a/x.mp3"], ["x_wav", "x_mp3"]),
        (["a/x.wav", "b/x.wav"], ["a_x", "b_x"]),
        (["b/x.wav", "a/x.wav"], ["b_x", "a_x"]),
        (["a/1/x.wav", "b/1/x.wav"], ["a_1_x", "b_1_x"]),
        (["a/x.wav", "b/x.wav", "c/a_x.wav"], ["m_a_x", "m_b_x", None]),
        (["x.wav", ".x.wav"], ["m_x", "m_x_2"]),
    ],
)
def test_songs_of_one_name_are_told_apart(files: list[str], tracks: list[str | None]) -> None:
    songs = tell_apart([SongFile(Path("/m") / file) for file in files])
    assert [song.track for song in songs] == tracks
    assert [str(song.file) for song in songs] == [f"/m/{file}" for file in files]


def test_folders_within_folders(tmp_path: Path) -> None:
    _touch(tmp_path / "in", "a.wav", "live/b.mp3", "live/c/b.mp3", ".hidden/d.wav", "live/notes.txt")
    _touch(tmp_path / "in", "stems/e/vocal.wav", "other/song/tree.json", "other/song/vocal.wav")
    songs, failures = _found([tmp_path / "in"], tmp_path / "in" / "stems")
    assert [str(song.file.relative_to(tmp_path / "in")) for song in songs] == ["a.wav", "live/b.mp3", "live/c/b.mp3"]
    assert [song.below for song in songs] == [Path(), Path("live"), Path("live/c")]
    assert not failures and not any(song.track for song in songs)
    songs, _ = _found([tmp_path / "in"], tmp_path / "stems", recursive=False)
    assert [song.file.name for song in songs] == ["a.wav"]


@pytest.mark.parametrize("name", ["{track} - {stem}.{ext}", "{stem}/{track}.{ext}"])
def test_stems_of_a_shared_folder_are_no_songs(name: str, cli, wav: Path, tmp_path: Path) -> None:
    assert cli("separate", wav, "-o", wav.parent, "--depth", 1, "--filename", name).code == 0
    assert [found.file for found in _found([wav.parent], tmp_path / "stems")[0]] == [wav]
    (wav.parent / "song.tree.json").unlink()
    assert len(_found([wav.parent], tmp_path / "stems")[0]) == 3  # nothing tells what the other two are


def test_a_folder_that_holds_only_folders(tmp_path: Path) -> None:
    _touch(tmp_path, "in/live/b.mp3")
    songs, failures = _found([tmp_path / "in"], tmp_path / "stems", recursive=False)
    assert not songs and "name another, -r to look into its folders too, or" in failures[0][1]


@pytest.mark.parametrize("recursive", [False, True])
def test_links(recursive: bool, tmp_path: Path) -> None:
    """A file has its own name, whatever links to it there are; loops of folders end."""
    own, album, elsewhere = _touch(tmp_path, "songs/two.wav", "songs/album/one.wav", "elsewhere.wav")
    for link, target in {
        "a_second_name.wav": own,
        "linked.wav": elsewhere,
        "loop": tmp_path / "songs",
        "an_album": album.parent,
        "broken.wav": tmp_path / "none.wav",
    }.items():
        (tmp_path / "songs" / link).symlink_to(target)
    songs, failures = _found([tmp_path / "songs"], tmp_path / "out", recursive)
    files = {"linked.wav", "two.wav"} | ({"album/one.wav"} if recursive else set())
    assert {str(song.file.relative_to(tmp_path / "songs")) for song in songs} == files and not failures
    by_link = tmp_path / "songs/a_second_name.wav"
    assert [song.file for song in _found([by_link], tmp_path / "out")[0]] == [by_link]
    for names in ([by_link, own], [own, by_link], [tmp_path / "songs/loop/two.wav", own]):
        assert [song.file for song in _found(names, tmp_path / "out")[0]] == [own]
