"""Weights from the installed package, and their copy in the cache."""

from pathlib import Path

import numpy as np
import pytest

from stemtree.separation.splitters import spleeter_weights
from stemtree.separation.splitters.spleeter_weights import load_tensors


def test_weights_are_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    weights = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.ones(4, np.float32)}
    unpickled: list[bytes] = []

    def load_arrays(content: bytes) -> dict[str, np.ndarray]:
        unpickled.append(content)
        return weights

    monkeypatch.setattr(spleeter_weights, "load_arrays", load_arrays)
    for count in (1, 1):
        assert {name: tensor.tolist() for name, tensor in load_tensors(b"one").items()} == {
            name: array.tolist() for name, array in weights.items()
        }
        assert len(unpickled) == count
    load_tensors(b"other")
    assert len(unpickled) == 2 and len(list(tmp_path.rglob("*.safetensors"))) == 2 == len(list(tmp_path.rglob("*.*")))
    for file in tmp_path.rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    load_tensors(b"one")
    load_tensors(b"one")
    assert len(unpickled) == 3  # a spoiled file is replaced


def test_without_a_cache_weights_are_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(spleeter_weights, "load_arrays", lambda content: {"a": np.ones(2, np.float32)})
    for _ in range(2):
        assert load_tensors(b"any")["a"].tolist() == [1, 1]
