import errno
from pathlib import Path

import polars as pl
import pytest

from stemtree.parquet import read_parquet, write_parquet

TABLE = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})


def test_a_table_comes_back_with_its_metadata(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "t.parquet", {"key": "value"})
    assert read_parquet(tmp_path / "t.parquet").equals(TABLE)
    assert read_parquet(tmp_path / "t.parquet", ["b"]).columns == ["b"]
    assert pl.read_parquet_metadata(tmp_path / "t.parquet")["key"] == "value"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    for damaged in (b"", content[:-9], content[:40] + b"\xff" * 9 + content[49:]):
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"."):
            read_parquet(tmp_path / "damaged.parquet")
    with pytest.raises(ValueError, match="c"):
        read_parquet(tmp_path / "t.parquet", ["c"])
    with pytest.raises(OSError, match="No such file"):
        read_parquet(tmp_path / "none.parquet")


def test_a_full_disk_is_the_systems_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        write_parquet(TABLE, Path("/dev/full"))
    assert error.value.errno == errno.ENOSPC
