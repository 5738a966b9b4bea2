import errno
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import make_7z, make_rar, make_zip, tone

from stemtree.curation.gather.archives import Unpacked, UnpackLimits, unpack
from stemtree.errors import ArchiveError, ArchiveFault

MAKERS = {"zip": make_zip, "rar": make_rar, "7z": make_7z}


@pytest.mark.parametrize("kind", MAKERS)
def test_audio_is_unpacked_and_the_rest_is_left_out(kind: str, tmp_path: Path) -> None:
    files = {"Song_Full/01_Kick.wav": tone(), "Song_Full/Takes/02_Vox.wav": tone(0.1), "Song_Full/Readme.txt": b"hi"}
    archive = MAKERS[kind](tmp_path / f"a.{kind}", files)
    (tmp_path / "out").mkdir()
    unpacked = unpack(archive, tmp_path / "out")
    assert sorted(unpacked.files) == ["01_Kick.wav", "Takes/02_Vox.wav"]
    assert unpacked.left_out == ("Song_Full/Readme.txt",)
    assert (tmp_path / "out" / "Takes" / "02_Vox.wav").read_bytes() == tone(0.1)
    assert (tmp_path / "out" / "01_Kick.wav").read_bytes() == tone()


@pytest.mark.parametrize("kind", MAKERS)
def test_paths_that_lead_out_refuse_the_whole_archive(kind: str, tmp_path: Path) -> None:
    names = (
        "../out.wav",
        "/tmp/out.wav",
        "a/../../out.wav",
        "C:\\out.wav",
        "..\\out.wav",
        ".. /out.wav",
        "a/..  /b.wav",
    )
    for number, name in enumerate(names):
        archive = MAKERS[kind](tmp_path / f"{number}.{kind}", {"01_Kick.wav": tone(), name: tone()})
        folder = tmp_path / f"out{number}"
        folder.mkdir()
        with pytest.raises(ArchiveError, match=r"is refused: .* lies outside its folder"):
            unpack(archive, folder)
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("maker", [make_zip, make_rar])
def test_links_are_refused(maker, tmp_path: Path) -> None:
    archive = maker(tmp_path / "a", {"01_Kick.wav": tone()}, {"02_Snare.wav": "/etc/passwd"})
    with pytest.raises(ArchiveError, match=r"'02_Snare.wav' is a link or a device"):
        unpack(archive, tmp_path)


@pytest.mark.parametrize("kind", MAKERS)
def test_bombs(kind: str, tmp_path: Path) -> None:
    archive = MAKERS[kind](tmp_path / f"a.{kind}", {f"{n}.wav": b"\0" * 300_000 for n in range(5)})
    with pytest.raises(ArchiveError, match="it holds 5 files, where 4 are the most"):
        unpack(archive, tmp_path, UnpackLimits(files=4))
    with pytest.raises(ArchiveError, match="it unpacks to more than 1 MB"):
        unpack(archive, tmp_path, UnpackLimits(bytes=1 << 20))


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"1.wav": b"\0" * 3_000_000})
    content = archive.read_bytes()
    archive.write_bytes(content.replace((3_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ArchiveError):
        unpack(archive, out, UnpackLimits(bytes=1 << 20))
    assert sum(file.stat().st_size for file in out.iterdir()) <= 1 << 20


def test_no_audio_and_encryption(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="holds no audio files"):
        unpack(make_zip(tmp_path / "a.zip", {"a.txt": b""}), tmp_path)
    archive = make_zip(tmp_path / "b.zip", {"1.wav": tone()})
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(
        ArchiveError, match=r"is encrypted \('1.wav'\): get one that is not, or unpack it and pack it anew"
    ):
        unpack(archive, tmp_path)


def test_names_of_other_systems(tmp_path: Path) -> None:
    """UTF-8 without the flag that says so, litter, and names that differ in case alone."""
    archive = make_zip(
        tmp_path / "a.zip",
        {
            "Söng/Gitarre ü.wav": tone(),
            "Söng/Kick.wav": tone(),
            "Söng/KICK.WAV": tone(0.1),
            "Söng/Bass?.wav": tone(),
            "__MACOSX/Söng/._Kick.wav": b"x",
        },
    )
    content = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = content.find(magic)
        while at >= 0:
            content[at + offset] &= ~8
            at = content.find(magic, at + 1)
    archive.write_bytes(content)
    assert zipfile.ZipFile(archive).namelist()[0] != "Söng/Gitarre ü.wav"
    unpacked = unpack(archive, tmp_path)
    assert sorted(unpacked.files) == ["Bass_.wav", "Gitarre ü.wav", "KICK (2).WAV", "Kick.wav"]
    assert unpacked.renamed == {"KICK (2).WAV": "Söng/KICK.WAV"}
    assert unpacked.left_out == ()
    assert (tmp_path / "KICK (2).WAV").read_bytes() == tone(0.1)


@settings(deadline=None)  # files are written
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=5))
def test_whatever_the_names_nothing_leaves_the_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    root = tmp_path_factory.mktemp("names")
    folder = root / "deep" / "out"
    folder.mkdir(parents=True)
    archive = root / "a.rar"
    make_rar(archive, {f"{name}.wav": b"x" for name in ["a", *names] if name.isprintable()})
    try:
        unpacked = unpack(archive, folder)
    except ArchiveError:
        unpacked = None
    outside = {path for path in root.rglob("*") if path.is_file()} - {path for path in folder.rglob("*")}
    assert outside == {archive}
    if unpacked:
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
            *unpacked.files
        }


def test_a_full_disk_is_not_the_archives_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, count: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stemtree.curation.gather.archives._Budget.take", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(make_zip(tmp_path / "a.zip", {"1.wav": tone()}), tmp_path)


def test_two_entries_of_one_name(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = zipfile.ZipFile(tmp_path / "a.zip", "w")
        archive.writestr("1.wav", tone())
        archive.writestr("1.wav", tone(0.1))
        archive.close()
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out" / "1.wav").read_bytes() == tone()
    assert (tmp_path / "out" / "1 (2).wav").read_bytes() == tone(0.1)


def unpacked_from(archive: Path) -> Unpacked:
    folder = archive.with_name(f"{archive.name} out")
    folder.mkdir()
    unpacked = unpack(archive, folder)
    assert sorted(unpacked.files) == sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    )
    assert not [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]
    return unpacked


@pytest.mark.parametrize("kind", MAKERS)
def test_audio_whose_name_does_not_say_so(kind: str, tmp_path: Path) -> None:
    """Broadcast wave, a blank after the name, and no ending at all: only the first bytes tell."""
    flac = io.BytesIO()
    soundfile.write(flac, np.zeros(100), 8000, format="FLAC")
    files = {
        "S/1.bwf": tone(), "S/2.wav ": tone(), "S/03 Kick": tone(), "S/04.Bass 1.1": flac.getvalue(),
        "S/Read me": b"hello", "S/Docs/Licence": b"x", "S/session.ptx": b"RIFF1234WAVE", "S/inner.zip": b"PK",
    }  # fmt: skip
    unpacked = unpacked_from(MAKERS[kind](tmp_path / f"a.{kind}", files))
    assert sorted(unpacked.files) == ["03 Kick.wav", "04.Bass 1.1.flac", "1.bwf", "2.wav"]
    assert sorted(unpacked.left_out) == ["S/Docs/Licence", "S/Read me", "S/inner.zip", "S/session.ptx"]
    assert unpacked.renamed == {"03 Kick.wav": "S/03 Kick", "04.Bass 1.1.flac": "S/04.Bass 1.1"}


def test_archives_of_archives_are_named_and_can_be_listed_themselves(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"1.wav": tone()})
    archive = make_zip(tmp_path / "a.zip", {"a/inner.zip": inner.read_bytes(), "a/readme.txt": b"", "a/README": b"x"})
    with pytest.raises(
        ArchiveError, match=r"other archives .*, such as 'a/inner.zip': unpack it and list those"
    ) as caught:
        unpack(archive, tmp_path)
    assert caught.value.fault is ArchiveFault.NO_AUDIO
    assert unpacked_from(inner).files == ("1.wav",)


def changed(archive: Path, old: bytes, new: bytes, last: bool = False) -> Path:
    """An archive with something written over in it, first or last."""
    content = archive.read_bytes()
    at = content.rindex(old) if last else content.index(old)
    archive.write_bytes(content[:at] + new + content[at + len(old) :])
    return archive


def test_good_archives_of_other_programs(tmp_path: Path) -> None:
    """IZArc's slashes differ between the directory and the data; WinZip begins with a mark of divided archives."""
    izarc = changed(make_zip(tmp_path / "i.zip", {"S/Kick.wav": tone()}), b"S/Kick", b"S\\Kick", last=True)
    assert unpacked_from(izarc).files == ("Kick.wav",)
    for number, mark in enumerate((b"PK00", b"PK\x07\x08")):
        marked = make_zip(tmp_path / f"{number}.zip", {"1.wav": tone()})
        marked.write_bytes(mark + marked.read_bytes())
        assert unpacked_from(marked).files == ("1.wav",)
    other = changed(make_zip(tmp_path / "o.zip", {"Kick.wav": tone()}), b"Kick", b"Tick", last=True)
    with pytest.raises(ArchiveError, match="is broken"):
        unpack(other, tmp_path)


@pytest.mark.parametrize("is_of_this_name", [True, False])
def test_names_in_an_extra_field(is_of_this_name: bool, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("S/Gitarre_.wav")
    checksum = zlib.crc32(info.filename.encode() if is_of_this_name else b"another")
    name = "S/Gitarre ü.wav".encode()
    info.extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, checksum) + name
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, tone())
    assert unpacked_from(tmp_path / "a.zip").files == ("Gitarre ü.wav" if is_of_this_name else "Gitarre_.wav",)
