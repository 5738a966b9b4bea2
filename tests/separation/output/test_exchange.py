"""Whatever stops an exchange of files, and wherever, the folder is as it was; a full one leaves only the new ones."""

import os
from pathlib import Path
from typing import Any

import pytest

from stemtree.separation.output.exchange import exchange

FILES = ("a.wav", "deep/b.wav", "deep/new/c.wav")


def _write(folder: Path, content: str, files: tuple[str, ...]) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"{content} {file}")
    return folder


def _content(folder: Path) -> dict[str, str | None]:
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else None for path in folder.rglob("*")}


def test_files_take_the_place_of_others(tmp_path: Path) -> None:
    folder = _write(tmp_path / "song", "old", ("tree.json", "a.wav", "deep/b.wav", "moved.wav", "notes.txt"))
    staged = _write(tmp_path / "staged", "new", ("tree.json", *FILES))
    exchange(staged, folder, "tree.json", FILES, ("moved.wav", "deep/b.wav", "missing.wav"))
    files = {path: content for path, content in _content(folder).items() if content}
    assert files == {file: f"new {file}" for file in ("tree.json", *FILES)} | {"notes.txt": "old notes.txt"}


@pytest.mark.parametrize("had_manifest", [True, False])
@pytest.mark.parametrize("happens_first", [True, False])
def test_what_stops_it_leaves_all_as_it_was(
    happens_first: bool, had_manifest: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a file is moved, and when it just was."""
    replace = os.replace
    old = ("a.wav", "deep/b.wav", "moved.wav", *(["tree.json"] if had_manifest else []))
    for stop_at in range(1, 8):
        folder = _write(tmp_path / f"{stop_at}" / "song", "old", old)
        staged = _write(tmp_path / f"{stop_at}" / "staged", "new", ("tree.json", *FILES))
        before, calls = _content(folder), []

        def stop(source: Any, target: Any, calls: list[Any] = calls, stop_at: int = stop_at) -> None:
            calls.append(target)
            if len(calls) != stop_at or not happens_first:
                replace(source, target)
            if len(calls) == stop_at:
                raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            exchange(staged, folder, "tree.json", FILES, ("moved.wav",))
        monkeypatch.setattr(os, "replace", replace)
        assert _content(folder) == before


def test_folders_are_not_replaced(tmp_path: Path) -> None:
    folder = _write(tmp_path / "song", "old", ("tree.json", "a.wav", "deep/b.wav/notes.txt"))
    staged = _write(tmp_path / "staged", "new", ("tree.json", *FILES))
    before = _content(folder)
    with pytest.raises(IsADirectoryError):
        exchange(staged, folder, "tree.json", FILES)
    assert _content(folder) == before
