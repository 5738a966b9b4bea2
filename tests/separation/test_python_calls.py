"""Calls of the Python interface with wrong types: one sentence each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import stemtree
from stemtree.audio import open_source, to_source
from stemtree.devices import find_device
from stemtree.errors import StemtreeError
from stemtree.hierarchy import find_nodes, load
from stemtree.separation.separator import Separator

NOISE = np.random.default_rng(0).normal(0, 0.1, (2, 9000)).astype(np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Separator(depth=float("nan")), "the depth cannot be nan: give a whole number, 1 or more"),
        (lambda: Separator(depth=1.5), "the depth cannot be 1.5"),
        (lambda: Separator(depth="1"), "the depth cannot be '1'"),
        (lambda: Separator(batch=1.5), "the number of blocks at once cannot be 1.5"),
        (lambda: Separator(hierarchy=5), "there is no hierarchy 5: give its name"),
        (lambda: Separator(hierarchy=b"ms21"), "there is no hierarchy b'ms21'"),
        (lambda: Separator(nodes=[1]), "has no node 1: give a name"),
        (lambda: Separator(nodes=[b"vocal"]), "has no node b'vocal': give a name"),
        (lambda: Separator(splitters=[None]), "None is no splitter: give a name"),
        (lambda: Separator(splitters=5), "5 is no splitter"),
        (lambda: find_device(5), "there is no device '5': give auto"),
        (lambda: find_nodes(load("ms21"), None), "has no node None: give a name"),
        (lambda: open_source("a.wav", -1), "the number of a stream cannot be -1: give 0 or more"),
        (lambda: open_source("a.wav", "1"), "the number of a stream cannot be '1': give a whole number"),
        (lambda: to_source("a.wav", stream=1.5), "the number of a stream cannot be 1.5"),
        (lambda: to_source(NOISE, 8000, stream=1), "an array has no streams: leave out stream=1"),
        (
            lambda: stemtree.query(NOISE, 8000, stretch=(0, 1), present_db=5),
            "present_db says which instruments of a folder",
        ),
    ],
)
def test_wrong_types_are_one_sentence(call: Callable[[], object], message: str) -> None:
    with pytest.raises(StemtreeError) as raised:
        call()
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_what_stands_for_the_default_and_other_types_of_numbers(tmp_path: Path) -> None:
    plain = Separator("ms21", depth=1)
    other = Separator("ms21", depth=np.int64(1), nodes=None, stem_maps=None, splitters=None, device="auto")
    assert other.tree == plain.tree and find_device(None) == find_device("auto")
    soundfile.write(tmp_path / "a.wav", NOISE.T, 8000)
    assert to_source(str(tmp_path / "a.wav").encode()).num_samples == 9000
    saved = plain.save(tmp_path / "a.wav", tmp_path / "out", "flac")
    assert sorted(file.name for file in saved.folder.glob("*.flac")) == ["accompaniment.flac", "vocal.flac"]
