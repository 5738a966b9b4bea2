import json
import struct
import zlib
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


def test_integers_have_checksums() -> None:
    """Of each channel, little-endian, however the samples come."""
    steps = np.random.default_rng(0).integers(-(2**23), 2**23, (2, 1000)).astype(np.int32)
    statistics = NodeStatistics()
    for block in np.split(steps, (10, 11, 500), axis=1):
        statistics.add(block, 2.0**23)
    contents = [b"".join(struct.pack("<i", step) for step in channel) for channel in steps.tolist()]
    assert statistics.as_dict()["crc32"] == [f"{zlib.crc32(content):08x}" for content in contents]
    assert statistics.meter.num_values == 2000
    statistics = NodeStatistics()
    statistics.add(steps.astype(np.float32))
    assert "crc32" not in statistics.as_dict()


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
