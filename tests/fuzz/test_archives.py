"""Spoilt archives are unpacked, or refused in a sentence; nothing is written outside the folder."""

from pathlib import Path

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st
from support.archives import make_7z, make_rar, make_zip, tone
from support.fuzz import Edit, Originals, edited, edits, fuzzed, only_sentences, spoilt_file

from stemtree.curation.gather.archives import UnpackLimits, unpack

_MAKERS = {"zip": make_zip, "7z": make_7z, "rar": make_rar}


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


_names = st.text(max_size=6) | st.sampled_from([
    "Song/01.wav", "song/01.wav", "../x.wav", "/x.wav", "C:\\x.wav", "a\\b.wav", ".wav", "..wav", "x", "x/", "x/y.wav",
    ".", "CON.wav", "ä.wav", "a\u0308.wav", "ß.wav", "SS.wav", "a.WAV ", "\n.wav", "\x1b[2J.wav", "a" * 300 + ".wav",
    "/".join("a" * 20), "__MACOSX/._a.wav", "x.zip", "\udcff.wav", "\u202egnp.wav", "-rf.wav", " .wav", "x:y.wav",
])  # fmt: skip


@fuzzed(15)
@given(st.sampled_from(["zip", "7z", "rar"]), st.lists(_names, min_size=1, max_size=4), st.booleans())
def test_names_in_archives(tmp_path: Path, kind: str, names: list[str], is_audio: bool) -> None:
    with spoilt_file(tmp_path, f"song.{kind}", b"") as file:
        files = dict.fromkeys(names, tone(0.01) if is_audio else b"no audio")
        try:
            _MAKERS[kind](file, files)
        except (ValueError, LookupError):  # a name that such an archive cannot hold
            reject()
        target = file.with_name("unpacked")
        target.mkdir()
        with only_sentences():
            unpacked = unpack(file, target, UnpackLimits(bytes=10 << 20))
            assert sorted(unpacked.files) == sorted(
                str(f.relative_to(target)) for f in target.rglob("*") if f.is_file()
            )
        assert {entry.name for entry in file.parent.iterdir()} == {file.name, "unpacked"}
