"""Spoilt archives are unpacked, or refused in a sentence; nothing is written outside the folder."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.archives import make_7z, make_rar, make_zip, tone
from support.fuzz import Edit, Originals, edited, edits, fuzzed, only_sentences, spoilt_file

from stemtree.curation.gather.archives import UnpackLimits, unpack


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = tmp_path_factory.mktemp("archives")
    files = {"Song/01_Kick.wav": tone(0.02), "Song/sub/02_Gtr.wav": tone(0.02), "Song/readme.txt": b"hello"}
    made = {
        "zip": make_zip(folder / "a.zip", files),
        "link.zip": make_zip(folder / "link.zip", files, {"Song/link.wav": "/etc/passwd"}),
        "7z": make_7z(folder / "a.7z", files),
        "rar": make_rar(folder / "a.rar", files),
    }
    return Originals({name: file.read_bytes() for name, file in made.items()})


@fuzzed(80)
@given(st.sampled_from(["zip", "link.zip", "7z", "rar"]), edits())
@example("zip", [(-38, 4, bytes(4))])  # an entry without a name
@example("7z", [("number", 0, 6, 0, 0), ("number", 0, 6, 0, 0), ("double", 0, 0, 0, 0)])
def test_archive(tmp_path: Path, archives: Originals, name: str, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, f"song.{name}", edited(archives[name], changes)) as file:
        target = file.with_name("unpacked")
        target.mkdir()
        with only_sentences():
            unpack(file, target, UnpackLimits(bytes=10 << 20))
        assert {entry.name for entry in file.parent.iterdir()} == {file.name, "unpacked"}
        assert sum(entry.stat().st_size for entry in target.rglob("*")) < 11 << 20
