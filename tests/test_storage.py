"""Against a real server, moto's S3, in this process."""

import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile
from support.storage_server import StorageServer, storage_server

from stemtree import file_systems
from stemtree.errors import AudioError, DiskError, LibraryError, OptionError, StorageError
from stemtree.staging import unwritable
from stemtree.storage import at_hand, find_files, is_url, mirrored, to_path, workspace


@pytest.fixture(scope="module")
def server() -> Iterator[StorageServer]:
    with storage_server() as server:
        yield server


@pytest.fixture
def put(server: StorageServer, request: pytest.FixtureRequest) -> str:
    """A folder of the bucket for one test, and a few files in it."""
    name = request.node.name.partition("[")[0]
    for file in ("a.wav", "b.wav", "in/c.wav", "stems/tree.json", "stems/d.wav"):
        fsspec.filesystem("s3").pipe_file(f"bucket/{name}/{file}", file.encode())
    return name


def test_what_is_a_url(tmp_path: Path) -> None:
    assert is_url("s3://bucket/x") and is_url(to_path("s3://bucket/x")) and to_path("s3://bucket/x").name == "x"
    assert not any(is_url(name) for name in ("x", "C:\\x", "/x", "hf:owner/name", tmp_path, Path("s3://x")))
    assert to_path("a/b") == Path("a/b")


@pytest.mark.parametrize("kind", ["abc", "file", "http", "https", "local", "memory", "zip", "simplecache", "github"])
def test_urls_of_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(OptionError, match=f"^'{kind}://a/x.wav' is in no storage that is known: give s3://, gs:// or "):
        to_path(f"{kind}://a/x.wav")
    with pytest.raises(OptionError, match="is in no storage that is known"):
        find_files(f"{kind}://a/x.wav", recursive=False)


@pytest.mark.parametrize(
    ("url", "package"),
    [("s3://a/b", r"'stemtree\[storage\]'"), ("gs://a/b", "gcsfs"), ("hf://a/b", r"'stemtree\[hub\]'")],
)
def test_storage_whose_package_is_missing(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(url: str) -> None:
        raise ImportError(url)

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(LibraryError, match=f"^'{url}' needs another package: `pip install {package}`$"):
        to_path(url)


def test_files_of_this_machine_stay_where_they_are(tmp_path: Path) -> None:
    with at_hand(tmp_path / "x", tmp_path / "copy") as file, mirrored(tmp_path, tmp_path / "copy", "last") as folder:
        assert (file, folder) == (tmp_path / "x", tmp_path)


@pytest.mark.parametrize(
    ("place", "recursive", "found"),
    [
        ("", False, ["a.wav", "b.wav"]),
        ("/", True, ["a.wav", "b.wav", "in/c.wav", "stems/d.wav", "stems/tree.json"]),
        ("/in/c.wav", False, ["c.wav"]),
        ("/*.wav", False, ["a.wav", "b.wav"]),
        ("/x*.wav", False, []),
    ],
)
def test_finding_files(put: str, place: str, recursive: bool, found: list[str]) -> None:
    files, is_folder = find_files(f"s3://bucket/{put}{place}", recursive)
    assert [str(below) for _, below in files] == found
    assert is_folder is (place in ("", "/"))
    for file, below in files:
        with workspace() as folder, at_hand(file, folder) as copy:
            assert copy.name == below.name and copy.read_text().endswith(str(below))


def test_folders_whose_names_look_like_globs(server: StorageServer) -> None:
    system = fsspec.filesystem("s3")
    for folder in ("songs [live]", "songs l"):
        for name in ("a.wav", "in/b.wav"):
            system.pipe_file(f"bucket/marks/{folder}/{name}", b"x")
    for recursive, expected in ((False, ["a.wav"]), (True, ["a.wav", "in/b.wav"])):
        files, is_folder = find_files("s3://bucket/marks/songs [live]", recursive)
        assert [str(below) for _, below in files] == expected and is_folder
        assert all(str(file).startswith("s3://bucket/marks/songs [live]/") for file, _ in files)
    files, is_folder = find_files("s3://bucket/marks/songs [l]/*", False)
    assert [str(file) for file, _ in files] == ["s3://bucket/marks/songs l/a.wav"] and not is_folder
    with pytest.raises(ValueError, match="Cannot traverse all of S3"):  # s3fs at once: no bucket is asked for
        find_files("s3://bucke*/marks/*", False)


def test_keys_that_lead_out_of_their_folder_are_left_out(put: str, tmp_path: Path, monkeypatch) -> None:
    system = fsspec.filesystem("s3")
    find, root = system.find, f"bucket/{put}"

    def find_more(path: str, detail: bool = False) -> object:
        found, evil = find(path, detail=detail), f"{root}/in/../../../evil.wav"
        return found | {evil: {"name": evil, "type": "file"}} if detail else [*found, evil]

    monkeypatch.setattr(system, "find", find_more)
    monkeypatch.setattr(system, "get_file", lambda remote, local: Path(local).write_text(remote))
    with mirrored(to_path(f"s3://{root}"), tmp_path / "a" / "b", "tree.json"):
        assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 5
        assert not list(tmp_path.rglob("evil.wav"))
    assert len(find_files(f"s3://{root}", recursive=True)[0]) == 5


def test_a_file_of_this_machine_that_fails_is_named_at_once(put: str, tmp_path: Path, monkeypatch) -> None:
    waits: list[object] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    name = f"{'x' * 300}.wav"
    fsspec.filesystem("s3").pipe_file(f"bucket/{put}/{name}", b"x")
    url, copy = f"s3://bucket/{put}", tmp_path / "file"
    with pytest.raises(StorageError) as raised, at_hand(to_path(f"{url}/{name}"), tmp_path):
        pass
    assert str(raised.value) == (
        f"'{url}/{name}' fails at a file of this machine, '{tmp_path / name}' (File name too long): shorten its name"
    )
    copy.touch()
    message = f"of this machine, '{copy}'.*check that file and its folder$"
    with pytest.raises(StorageError, match=message), mirrored(to_path(url), copy, "tree.json"):
        pass
    assert not waits


def test_what_is_not_there(put: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"^there is no 's3://bucket/none/x': check the address$"):
        find_files("s3://bucket/none/x", True)
    with pytest.raises(StorageError, match="there is no 's3://other/x'"), at_hand(to_path("s3://other/x"), tmp_path):
        pass


def test_what_changed_is_taken_back(server: StorageServer, tmp_path: Path) -> None:
    url = to_path("s3://bucket/song")
    with mirrored(url, tmp_path / "1", "tree.json") as folder:
        assert not folder.exists()
        (folder / "in").mkdir(parents=True)
        for name in ("tree.json", "x.wav", "in/y.wav"):
            (folder / name).write_text(name)
    assert server.files("song") == {name: name.encode() for name in ("tree.json", "x.wav", "in/y.wav")}
    with (
        pytest.raises(AudioError, match=r"'s3://bucket/song/x.wav' is bad"),
        mirrored(url, tmp_path / "2", "t") as folder,
    ):
        (folder / "x.wav").unlink()
        raise AudioError(f"'{folder / 'x.wav'}' is bad")
    assert len(server.files("song")) == 3
    with mirrored(url, tmp_path / "3", "tree.json") as folder:
        (folder / "x.wav").unlink()
        (folder / "tree.json").write_text("new")
    assert server.files("song") == {"tree.json": b"new", "in/y.wav": b"in/y.wav"}


def test_what_is_unfinished_counts_as_not_there(server: StorageServer, tmp_path: Path, monkeypatch) -> None:
    url, system = to_path("s3://bucket/cut"), fsspec.filesystem("s3")
    put_file = system.put_file

    def write(folder: Path, text: str) -> None:
        folder.mkdir(exist_ok=True)
        for name in ("a.wav", "tree.json", "z.wav"):
            (folder / name).write_text(text)

    def end_before_the_last(local: str, remote: str) -> None:
        if remote.endswith("tree.json"):
            raise KeyboardInterrupt
        put_file(local, remote)

    with monkeypatch.context() as patch:
        patch.setattr(system, "put_file", end_before_the_last)
        with pytest.raises(KeyboardInterrupt), mirrored(url, tmp_path / "1", "tree.json") as folder:
            write(folder, "old")
    assert set(server.files("cut")) == {"a.wav", "z.wav", ".tree.json.unfinished"}
    with mirrored(url, tmp_path / "2", "tree.json") as folder:
        assert not folder.exists()
        write(folder, "new")
    assert server.files("cut") == dict.fromkeys(("a.wav", "tree.json", "z.wav"), b"new")
    with monkeypatch.context() as patch:
        patch.setattr(system, "put_file", end_before_the_last)
        with pytest.raises(KeyboardInterrupt), mirrored(url, tmp_path / "3", "tree.json") as folder:
            write(folder, "newer")
            (folder / "more.wav").write_text("newer")
    with mirrored(url, tmp_path / "4", "tree.json") as folder:
        write(folder, "newest")
    assert server.files("cut") == dict.fromkeys(("a.wav", "tree.json", "z.wav"), b"newest")  # nothing of the other run


def test_storage_without_rights(server: StorageServer, put: str, tmp_path: Path) -> None:
    server.ask_for_rights(True)
    try:
        with (
            pytest.raises(StorageError, match=f"this machine has no rights to 's3://bucket/{put}/a.wav' .*: log in to"),
            at_hand(to_path(f"s3://bucket/{put}/a.wav"), tmp_path),
        ):
            pass
        with pytest.raises(StorageError, match="has no rights"), mirrored(to_path("s3://bucket/no"), tmp_path, "x"):
            pass
    finally:
        server.ask_for_rights(False)


def test_storage_that_does_not_answer(server: StorageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_systems, "PATIENCE", 0.0)
    with (
        pytest.raises(
            StorageError, match=r"'s3://bucket/away.*' does not answer \(Could not connect .* is finished stays"
        ),
        mirrored(to_path("s3://bucket/away"), tmp_path, "x") as folder,
    ):
        (folder / "y").touch()
        server.stop()
    server.start()
    assert server.files("away") == {}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_of_a_worker(number: int) -> None:
    message = r"^the folder '.*' of the machine '.*' is full: make room there, or name"
    with pytest.raises(StorageError, match=message), workspace():
        raise OSError(number, "full")
    with pytest.raises(StorageError, match="is full"), workspace() as folder:
        raise unwritable(folder / "a", OSError(number, "full"))
    with pytest.raises(StorageError, match="is full"), workspace() as folder:
        raise DiskError(f"'{folder}' has 3 MB left: make room")
    with pytest.raises(DiskError, match="/other"), workspace():
        raise unwritable(Path("/other"), OSError(number, "full"))
    with pytest.raises(DiskError, match="Permission denied"), workspace() as folder:
        raise unwritable(folder, OSError(errno.EACCES, "Permission denied"))


def test_a_disk_of_a_worker_without_room_for_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int) -> None:
        def mkdtemp(*arguments: object, **options: object) -> str:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)

    fail(errno.ENOSPC)
    with pytest.raises(StorageError, match=r"^the folder '.*' of the machine '.*' is full: make room"), workspace():
        pass
    fail(errno.EACCES)
    with pytest.raises(PermissionError), workspace():
        pass


def test_songs_in_storage_become_the_same_files(server: StorageServer, cli, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2000, 1))
    (tmp_path / "songs" / "in").mkdir(parents=True)
    for name in ("a.wav", "in/b.wav"):
        soundfile.write(tmp_path / "songs" / name, noise, 44100)
        fsspec.filesystem("s3").put_file(str(tmp_path / "songs" / name), f"bucket/songs/{name}")
    (tmp_path / "songs" / "bad.wav").write_text("no audio")
    fsspec.filesystem("s3").pipe_file("bucket/songs/bad.wav", b"no audio")
    here = cli("separate", tmp_path / "songs", "-r", "--depth", 1, "-o", tmp_path / "stems", "-j", 1)
    files = {str(file.relative_to(tmp_path / "stems")): file.read_bytes() for file in (tmp_path / "stems").rglob("*.*")}

    server.stop()
    threading.Timer(0.7, server.start).start()  # while the command asks for the songs
    there = cli("separate", "s3://bucket/songs", "-r", "--depth", 1, "-o", "s3://bucket/stems", "-j", 1)
    assert server.files("stems") == files and len(files) == 6
    assert there.err == here.err.replace(f"{tmp_path}/", "s3://bucket/") and (here.code, there.code) == (1, 1)
    assert there.out == here.out.replace(f"{tmp_path}/", "s3://bucket/")

    again = cli("separate", "s3://bucket/songs/a.wav", "--depth", 1, "-o", "s3://bucket/stems", "--json")
    assert '"status": "exists"' in again.out and '"folder": "s3://bucket/stems/a"' in again.out and not again.err
