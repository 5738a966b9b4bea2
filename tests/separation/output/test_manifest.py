import json
from pathlib import Path

import numpy as np
import pytest

from stemtree.separation.output.manifest import MANIFEST, NodeStatistics, read_manifest, write_manifest


def test_statistics_are_rounded_and_silence_has_none() -> None:
    statistics = NodeStatistics(held=3)
    assert statistics.as_dict() == {"rms_dbfs": None, "peak_dbfs": None, "held_at_full_scale": 3}
    statistics.meter.add(np.full((2, 10), 0.1234))
    assert statistics.as_dict() == {"rms_dbfs": -18.17, "peak_dbfs": -18.17, "held_at_full_scale": 3}
    statistics.meter.add(np.full((2, 10000), 1.0))
    assert json.dumps(statistics.as_dict()["peak_dbfs"]) == "0.0"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    manifest = {"nodes": [{"file": "vocal.wav"}, {"file": "Bläser.wav"}]}
    write_manifest(manifest, tmp_path)
    assert read_manifest(tmp_path) == manifest


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 100000, "\ud800"])
def test_manifests_that_are_none(content: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(content, "utf-8", "surrogatepass")
    assert read_manifest(tmp_path) == {}


def test_no_manifest(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "none") is None
    assert read_manifest(tmp_path / ("x" * 300)) is None
    (tmp_path / MANIFEST).mkdir()
    assert read_manifest(tmp_path) == {}
