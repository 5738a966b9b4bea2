import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.errors import CorpusError


def _slots(data: object) -> Iterator[tuple[Any, Any]]:
    """Every container in nested data with every key or index of it."""
    items = list(data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ())
    for key, below in items:
        yield data, key
        yield from _slots(below)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("slakh", "metadata.yaml"),
        ("medleydb", "*_METADATA.yaml"),
        ("ms21", "*_METADATA.yaml"),
        ("moisesdb", "data.json"),
    ],
)
def test_no_value_in_metadata_crashes(kind: str, name: str, corpora: Callable[[str], Path]) -> None:
    """Each value in turn is of another type, or a name that no file can have; what loads can be checked and shown."""
    root = corpora(kind)
    shutil.rmtree(root / "train", ignore_errors=True)  # one song is enough
    (file,) = root.rglob(name)
    data = yaml.safe_load(file.read_text())
    refused = 0
    for container, key in _slots(data):
        kept = container[key]
        for wrong in (None, 5, [1], {"a": 1}, "x" * 600):
            container[key] = wrong
            file.write_text(json.dumps(data))
            corpus = check_corpus(root, kind)
            assert all(isinstance(text, str | None) for track in corpus.tracks for text in (track.split, track.origin))
            refused += bool(corpus.problems)
        container[key] = kept
    assert refused > 20


def test_metadata_that_no_parser_takes(tmp_path: Path, slakh: Path) -> None:
    file = slakh / "train" / "Track00001" / "metadata.yaml"
    for text in ("[" * 5000, "stems: 2001-13-45", "stems: !!timestamp x", "stems: !!int x", "stems: {S00: \xff}"):
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(CorpusError, match=r"metadata\.yaml' is not valid YAML: copy it again"):
            load_corpus(slakh, "slakh")
    (tmp_path / "moises" / "song").mkdir(parents=True)
    (tmp_path / "moises" / "song" / "data.json").write_text("[" * 100_000)
    with pytest.raises(CorpusError, match=r"data\.json' is not valid JSON"):
        load_corpus(tmp_path / "moises", "moisesdb")


def test_metadata_that_is_not_yaml_or_not_there(slakh: Path) -> None:
    metadata = slakh / "train" / "Track00001" / "metadata.yaml"
    metadata.write_text("stems: [")
    with pytest.raises(CorpusError, match=r"metadata\.yaml' is not valid YAML: copy it again"):
        load_corpus(slakh, "slakh")
    metadata.unlink()
    with pytest.raises(CorpusError, match=r"cannot read the metadata '.*metadata\.yaml': No such file"):
        load_corpus(slakh, "slakh")
    shutil.rmtree(slakh / "train")
    assert len(load_corpus(slakh, "slakh").tracks) == 1


@pytest.mark.parametrize("kind", ["slakh", "medleydb", "ms21", "moisesdb", "musdb18", "musdb18-hq", "folder"])
def test_songs_behind_links(kind: str, corpora: Callable[[str], Path], tmp_path: Path) -> None:
    root = corpora(kind)
    linked = tmp_path / "linked"
    linked.mkdir()
    for entry in root.iterdir():
        (linked / entry.name).symlink_to(entry)
    (linked / "round").symlink_to(linked)
    there = load_corpus(root, kind)
    assert [track.id for track in load_corpus(linked, kind).tracks] == [track.id for track in there.tracks] != []
