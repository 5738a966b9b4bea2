import os
import zipfile
from pathlib import Path

import py7zr
import pytest
from support.archives import make_7z, make_7z_of_method, make_rar, make_zip, tone

from stemtree.curation.gather.archives import UnpackLimits, unpack
from stemtree.errors import ArchiveError, ArchiveFault

MAKERS = {"zip": make_zip, "rar": make_rar, "7z": make_7z}


@pytest.mark.parametrize("kind", MAKERS)
def test_broken_archives(kind: str, tmp_path: Path) -> None:
    archive = MAKERS[kind](tmp_path / f"a.{kind}", {"1.wav": os.urandom(5000), "2.wav": os.urandom(5000)})
    whole = archive.read_bytes()
    for number, content in enumerate((whole[: len(whole) // 2], whole[:3000] + b"\0\0\0\0" + whole[3004:])):
        archive.write_bytes(content)
        folder = tmp_path / f"out{number}"
        folder.mkdir()
        with pytest.raises(ArchiveError, match=f"'{archive}' is broken .*: get a whole copy"):
            unpack(archive, folder)
    archive.write_bytes(b"<html>404</html>")
    with pytest.raises(ArchiveError, match="is not a zip, rar or 7z archive"):
        unpack(archive, tmp_path)


def test_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rarfile", None)
    with pytest.raises(ArchiveError, match="needs the package rarfile: run `pip install rarfile`"):
        unpack(make_rar(tmp_path / "a.rar", {"1.wav": tone()}), tmp_path)


def test_two_entries_of_one_name_where_names_are_all_that_tells_them_apart(tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w") as archive:
        archive.writestr(tone(), "1.wav")
        archive.writestr(tone(0.1), "1.wav")
    one = make_rar(tmp_path / "one.rar", {"1.wav": tone()}).read_bytes()
    two = make_rar(tmp_path / "two.rar", {"1.wav": tone(0.1)}).read_bytes()
    (tmp_path / "a.rar").write_bytes(one[:-7] + two[20:])  # without the end of one and the head of the other
    for name in ("a.7z", "a.rar"):
        with pytest.raises(ArchiveError, match=r"is refused: 2 of its files are called '1.wav'; pack it anew"):
            unpack(tmp_path / name, tmp_path / "out")


def test_compressed_rar_needs_a_program_that_rarfile_gets_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    archive = make_rar(tmp_path / "a.rar", {"Kick.wav": tone()}, method=0x33)
    for name in ("bsdtar", "7z", "7zz"):
        (programs / name).write_text("#!/bin/sh\necho it works\n")
        (programs / name).chmod(0o755)
    with pytest.raises(ArchiveError, match="needs the program unrar or unar"):
        unpack(archive, tmp_path / "out", UnpackLimits())
    (programs / "unar").write_text(f"#!/bin/sh\nexec /bin/cat {tmp_path}/content\n")
    (programs / "unar").chmod(0o755)
    (programs / "lsar").symlink_to(programs / "unar")
    (tmp_path / "content").write_bytes(tone())
    unpack(archive, tmp_path / "out", UnpackLimits())
    assert (tmp_path / "out" / "Kick.wav").read_bytes() == tone()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_methods_that_could_fill_the_memory(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("1.wav", tone())
    with pytest.raises(ArchiveError, match=r"packs '1.wav' with (bzip2|lzma), where stored and deflated are read"):
        unpack(tmp_path / "a.zip", tmp_path)
    assert list(tmp_path.glob("*.wav")) == [tmp_path / "1.wav"] and (tmp_path / "1.wav").stat().st_size == 0


@pytest.mark.parametrize("method", [py7zr.FILTER_DEFLATE, py7zr.FILTER_ZSTD])
def test_7z_methods_that_could_fill_the_memory(method: int, tmp_path: Path) -> None:
    filters = [{"id": method, "level": 3} if method == py7zr.FILTER_ZSTD else {"id": method}]
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", filters=filters) as archive:
        archive.writestr(tone(), "1.wav")
    with pytest.raises(
        ArchiveError, match=r"is packed with (DEFLATE|ZStandard): pack it anew as zip, or as 7z with LZMA2"
    ):
        unpack(tmp_path / "a.7z", tmp_path)


@pytest.mark.parametrize(
    ("name", "code", "num_inputs"),
    [("LZ4", b"\x04\xf7\x11\x04", 1), ("Brotli", b"\x04\xf7\x11\x02", 1), ("BCJ2", b"\x03\x03\x01\x1b", 4),
     ("method 04f71107", b"\x04\xf7\x11\x07", 1)],
)  # fmt: skip
def test_7z_methods_that_are_not_read_are_not_called_broken(
    name: str, code: bytes, num_inputs: int, tmp_path: Path
) -> None:
    archive = make_7z_of_method(tmp_path / "a.7z", "1.wav", tone(), code, num_inputs)
    with pytest.raises(
        ArchiveError, match=f"is packed with {name}: pack it anew as zip, or as 7z with LZMA2"
    ) as caught:
        unpack(archive, tmp_path)
    assert caught.value.fault is ArchiveFault.METHOD


def test_a_7z_file_made_by_hand_is_one(tmp_path: Path) -> None:
    unpack(make_7z_of_method(tmp_path / "a.7z", "1.wav", tone(), b"\0"), tmp_path)
    assert (tmp_path / "1.wav").read_bytes() == tone()


@pytest.mark.parametrize("hides_names", [False, True])
def test_encrypted_archives_are_not_called_broken(hides_names: bool, tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", password="x", header_encryption=hides_names) as archive:
        archive.writestr(tone(), "1.wav")
    with pytest.raises(
        ArchiveError, match=r"is encrypted.*: get one that is not, or unpack it and pack it anew"
    ) as caught:
        unpack(tmp_path / "a.7z", tmp_path)
    assert caught.value.fault is ArchiveFault.ENCRYPTED


def test_faults_are_kinds_whatever_the_names_say(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "needs the program, is encrypted, no audio.zip", {"needs the package.wav": tone()})
    archive.write_bytes(archive.read_bytes().replace(tone()[:4], b"xxxx").replace(b"PK\x01\x02", b"PK\x01\x03"))
    for content, fault in ((archive.read_bytes(), ArchiveFault.BROKEN), (b"<html>", ArchiveFault.NO_ARCHIVE)):
        archive.write_bytes(content)
        with pytest.raises(ArchiveError) as caught:
            unpack(archive, tmp_path)
        assert caught.value.fault is fault
