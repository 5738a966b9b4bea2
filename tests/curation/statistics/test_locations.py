from pathlib import Path

import pytest

from stemtree.curation.statistics.locations import ANNOTATION, CorpusLocation
from stemtree.errors import OptionError


def touch(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("{}")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("Audio/Song/metadata.yaml", "slakh"),
        ("test/Song.stem.mp4", "musdb18"),
        ("test/Song/mixture.wav", "musdb18-hq"),
        ("Mixtures/Dev/1 - A - T/mixture.wav", "dsd100"),
        ("1234/data.json", "moisesdb"),
        ("Song/Song_METADATA.yaml", "medleydb"),
    ],
)
def test_kinds_by_their_files(tmp_path: Path, file: str, kind: str) -> None:
    touch(tmp_path / "a=b" / file)
    assert CorpusLocation.parse(str(tmp_path / "a=b")) == CorpusLocation("a=b", kind, tmp_path / "a=b")


def test_names_and_kinds_that_are_given(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    assert CorpusLocation.parse(f"name=slakh:{tmp_path / 'c'}") == CorpusLocation("name", "slakh", tmp_path / "c")
    (tmp_path / "a.csv").touch()
    assert CorpusLocation.parse(f"{tmp_path / 'a.csv'}") == CorpusLocation("a", ANNOTATION, tmp_path / "a.csv")
    with pytest.raises(
        OptionError, match=r"no file shows which kind of corpus '.*c' is: write KIND:.*c, the kind being one of slakh"
    ):
        CorpusLocation.parse(str(tmp_path / "c"))
