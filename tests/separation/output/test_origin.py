"""What Python saves of a song separated in memory is what `Separator.save` writes, and tells where it is from."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.audio import OutputFormat
from stemtree.audio.tags import Tags, read_tags, write_tags
from stemtree.errors import OptionError
from stemtree.hierarchy.load import parse
from stemtree.page.tree import read_tree
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.manifest import MANIFEST, read_manifest
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.oracle import Oracle

SONG = np.random.default_rng(0).uniform(-0.5, 0.5, (9000, 2))


@pytest.fixture(scope="module")
def separator() -> Separator:
    return Separator(parse("tree: {a: , b: {c: , d: }}", "mine"), splitters=[Oracle({})])


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "song.flac", SONG, 8000)
    write_tags(tmp_path / "song.flac", "flac", Tags({"title": "One", "artist": "Anna"}))
    return tmp_path / "song.flac"


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_same_files_as_from_a_file_to_files(separator: Separator, song: Path, tmp_path: Path) -> None:
    result = separator.separate(song)
    saved = result.save(tmp_path / "one" / "song", "flac")
    separator.save(song, tmp_path / "two", OutputFormat("flac"))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert [str(file.relative_to(tmp_path / "one" / "song")) for file in saved] == [
        *("a.flac", "b.flac", "b/c.flac", "b/d.flac")
    ]
    assert read_tags(saved[0]).texts == {"title": "One (a)", "artist": "Anna"}
    result.save(tmp_path / "one" / "song", "wav", without="a")
    separator.save(song, tmp_path / "two", layout=StemLayout(without=("a",)))
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_the_checksum_is_that_of_what_was_separated(separator: Separator, song: Path, tmp_path: Path) -> None:
    first = separator.separate(song)
    soundfile.write(song, SONG[::-1], 8000)
    second = separator.separate(song)
    first.save(tmp_path / "out")
    with pytest.raises(OptionError, match="holds stems of another input"):
        second.save(tmp_path / "out")
    song.unlink()
    assert len(first.save(tmp_path / "out", "flac")) == 4


def test_samples_have_no_file(separator: Separator, tmp_path: Path) -> None:
    for name, rate in (("one", 8000), ("again", 8000), ("other", 16000)):
        separator.separate(SONG, rate).save(tmp_path / name)
    one, again, other = (read_manifest(tmp_path / name)["input"] for name in ("one", "again", "other"))
    assert one == again and one["file"] == "" and one["sha256"] != other["sha256"]
    assert read_tree(tmp_path / "one").title == "one"
    assert (tmp_path / "one" / MANIFEST).exists()
