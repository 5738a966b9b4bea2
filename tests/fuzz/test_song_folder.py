"""A song is separated into a folder whose ``tree.json`` is spoilt, or refused in a sentence."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from support.encoded import tone, with_soundfile
from support.fuzz import Originals, Spoiling, fuzzed, only_sentences, spoilings, spoilt_document, spoilt_file

from stemtree import Separator


@pytest.fixture(scope="module")
def separated(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = tmp_path_factory.mktemp("separated")
    (folder / "song.wav").write_bytes(with_soundfile("WAV", tone(0.05)))
    separator = Separator(depth=1)
    saved = separator.save(folder / "song.wav", folder / "out")
    manifest = json.loads((saved.folder / "tree.json").read_text())
    return Originals(song=folder / "song.wav", out=folder / "out", manifest=manifest, separator=separator)


@fuzzed(15)
@given(spoilings())
@example([(1, 0, b'"also": 5,')])
@example([(1, 0, b'"also": [{}],')])
@example([(1, 0, b'"splitters": 3, "')])
@example([(0, "set", {"stemtree": "0.1.0", "nodes": [{"path": "vocal"}]})])
def test_existing_manifest(tmp_path: Path, separated: Originals, changes: Spoiling) -> None:
    content = spoilt_document(separated["manifest"], changes, "json")
    with spoilt_file(tmp_path, "tree.json", content) as file:
        shutil.copytree(separated["out"], file.parent / "out")
        file.replace(file.parent / "out" / "song" / "tree.json")
        with only_sentences():
            separated["separator"].save(separated["song"], file.parent / "out")
