import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemtree.errors import AudioError, DiskError
from stemtree.staging import staging, whole_file, without_empty_folders, write_failure


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    with whole_file(file) as partial:
        partial.write_text("half")
        assert not file.exists() and partial.parent == tmp_path
    assert file.read_text() == "half" and list(tmp_path.iterdir()) == [file]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 240)
    file.write_text("before")
    with pytest.raises(OSError, match="full"), whole_file(file) as partial:
        partial.write_text("half")
        raise OSError("full")
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    target, link = tmp_path / "in" / "table.csv", tmp_path / "link.csv"
    link.symlink_to("in/table.csv")
    for text in ("new", "newer"):  # at first the link leads nowhere
        with whole_file(link) as partial:
            partial.write_text(text)
            assert partial.parent == target.parent.resolve()
        assert link.is_symlink() and target.read_text() == text
    assert list(target.parent.iterdir()) == [target]
    target.unlink()
    target.parent.rmdir()
    with pytest.raises(FileNotFoundError, match=f"'{link}'$"), whole_file(link) as partial:
        partial.touch()


def test_failures_have_the_final_names(tmp_path: Path) -> None:
    """Nobody can look into what is hidden, and removed."""
    file, other = tmp_path / "table.csv", tmp_path / "none"
    full = OSError(errno.ENOSPC, "full")  # as `write` raises it, without a name
    with pytest.raises(OSError, match=f"'{file}'$"), whole_file(file):
        raise full
    file.mkdir()
    with pytest.raises(OSError, match=f"'{file}'$"), whole_file(file) as partial:
        partial.touch()
    with pytest.raises(FileNotFoundError, match=f"'{other}'$"), whole_file(file):
        other.read_text()
    for inside in ("vocal.wav", "song/vocal.wav"):
        with pytest.raises(DiskError) as raised, staging(tmp_path / "song") as folder:
            raise DiskError(f"cannot write to '{folder / inside}' (full): make room", errno.ENOSPC)
        assert str(raised.value) == f"cannot write to '{tmp_path / 'song' / 'vocal.wav'}' (full): make room"
        assert raised.value.is_full


@pytest.mark.parametrize("letter", ["x", "é", "歌", "𝄞"])
def test_names_as_long_as_the_file_system_allows(letter: str, tmp_path: Path) -> None:
    name = letter * (255 // len(letter.encode()))
    with whole_file(tmp_path / name) as partial:
        partial.write_text("whole")
        assert len(partial.name.encode()) <= 120
    assert (tmp_path / name).read_text() == "whole"
    (tmp_path / name).unlink()
    with staging(tmp_path / name) as folder:
        assert len(folder.name.encode()) <= 80
        folder.rename(tmp_path / name)
    assert (tmp_path / name).is_dir()


def test_a_folder_of_ones_own_for_everybody_who_writes(tmp_path: Path) -> None:
    """Also where one final name begins like the other, or both begin with the same 50 characters."""
    names = ["a", "a.b", "a", "x" * 60 + "1", "x" * 60 + "2"]
    folders = []
    stages = [staging(tmp_path / name) for name in names]
    for stage in stages:
        folders.append(stage.__enter__())
        (folders[-1] / "stem").write_text("")
        assert all((folder / "stem").exists() for folder in folders)
    for stage in stages:
        stage.__exit__(None, None, None)
    assert len(set(folders)) == 5 and list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from stemtree.staging import staging\n"
        "with staging(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "song"])
    [left] = tmp_path.iterdir()
    assert (left / "half").exists()
    with staging(tmp_path / "song") as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_taken_for_a_leftover_before_it_is_locked(tmp_path: Path, monkeypatch) -> None:
    mkdir, made = Path.mkdir, []

    def mkdir_and_lose(path: Path, *arguments: object, **options: object) -> None:
        mkdir(path, *arguments, **options)
        made.append(path)
        if len(made) == 1:
            os.rmdir(path)

    monkeypatch.setattr(Path, "mkdir", mkdir_and_lose)
    with staging(tmp_path / "song") as folder:
        assert folder == made[1] and folder.is_dir()


def test_folders_in_which_nothing_came_to_be_are_removed(tmp_path: Path) -> None:
    with pytest.raises(DiskError), staging(tmp_path / "a" / "b" / "song") as folder:
        assert folder.parent == tmp_path / "a" / "b"
        raise DiskError("full")
    assert list(tmp_path.iterdir()) == []
    with staging(tmp_path / "a" / "b" / "song") as folder:
        folder.rename(tmp_path / "a" / "b" / "song")
    assert (tmp_path / "a" / "b" / "song").is_dir()


@pytest.mark.parametrize("name", ["there/new/table.csv", "there", "other/../there/new"])
def test_folders_that_were_there_stay(name: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    place = tmp_path / name
    with without_empty_folders(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    assert (tmp_path / "there").is_dir() and not (tmp_path / "there" / "new").exists()
    with without_empty_folders(place):
        place.mkdir(parents=True, exist_ok=True)
        (place / "file").touch()
    assert (place / "file").exists()


def test_a_system_without_locks_keeps_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".song.1.partial").mkdir()
    monkeypatch.setattr("stemtree.staging.fcntl", None)
    with staging(tmp_path / "song") as folder:
        assert folder.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [".song.1.partial"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room or choose another folder"),
        (errno.EACCES, "choose another folder"),
        (errno.ENAMETOOLONG, "choose another folder, or shorter names"),
        (errno.EMFILE, "allow this program more open files (ulimit -n)"),
        (errno.ENOENT, "leave the folder in place while it is written to"),
    ],
)
def test_the_remedy_suits_the_failure(number: int, remedy: str, tmp_path: Path) -> None:
    error = OSError(number, os.strerror(number))
    sentence = f"cannot write to '{tmp_path}' ({os.strerror(number)}): {remedy}"
    assert write_failure(tmp_path, error) == sentence
    with pytest.raises(AudioError) as raised, staging(tmp_path / "song"):
        raise error
    assert str(raised.value) == sentence
    assert write_failure(tmp_path, OSError()).endswith(
        "(no room left on the device): make room or choose another folder"
    )
