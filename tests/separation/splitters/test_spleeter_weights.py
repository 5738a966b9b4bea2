"""Weights from the installed package, and their copy in the cache."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from stemtree.errors import SplitterError
from stemtree.separation.splitters import spleeter_weights
from stemtree.separation.splitters.spleeter_weights import load_tensors

KERNEL = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
WEIGHTS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.ones(4, np.float32), "kernel": KERNEL}


@pytest.fixture
def unpickled(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Whatever is unpickled, instead of which `WEIGHTS` are read."""
    contents: list[bytes] = []

    def load_arrays(content: bytes) -> dict[str, np.ndarray]:
        contents.append(content)
        return WEIGHTS

    monkeypatch.setattr(spleeter_weights, "load_arrays", load_arrays)
    return contents


def _load(file: Path, content: bytes) -> None:
    """Load a checkpoint of this content, which is the published one."""
    tensors = load_tensors(file, hashlib.sha256(content).hexdigest())
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        name: array.tolist() for name, array in WEIGHTS.items()
    }
    assert tensors["kernel"].is_contiguous(memory_format=torch.channels_last)


def test_weights_are_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpickled: list[bytes]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one, other = tmp_path / "one", tmp_path / "other"
    for file in (one, other):
        file.write_bytes(file.name.encode())
    for file, expected in ((one, 1), (one, 1), (other, 2), (one, 2)):
        _load(file, file.name.encode())
        assert len(unpickled) == expected
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 2
    for converted in (tmp_path / "cache").rglob("*.safetensors"):
        converted.write_bytes(converted.read_bytes()[:-1])
    for _ in range(2):
        _load(one, b"one")
        assert len(unpickled) == 3  # a spoiled file is replaced


def test_a_changed_checkpoint_is_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpickled: list[bytes]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "one"
    file.write_bytes(b"one")
    _load(file, b"one")
    os.utime(file, ns=(0, 0))
    _load(file, b"one")
    assert len(unpickled) == 2
    file.write_bytes(b"two")
    with pytest.raises(SplitterError, match="are not the published ones"):
        _load(file, b"one")
    moved = tmp_path / "moved"
    moved.write_bytes(b"one")
    _load(moved, b"one")
    assert len(unpickled) == 3


def test_without_a_cache_weights_are_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpickled: list[bytes]
) -> None:
    (tmp_path / "file").write_bytes(b"any")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for count in (1, 2):
        _load(tmp_path / "file", b"any")
        assert len(unpickled) == count
