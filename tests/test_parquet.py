import errno
from pathlib import Path

import polars as pl
import pytest

from stemtree.parquet import read_json_metadata, read_parquet, write_parquet

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


def test_one_wrong_byte_is_found(tmp_path: Path) -> None:
    """Polars may end the program over one, such as the 0x7F in the header of a page."""
    write_parquet(TABLE, tmp_path / "t.parquet", {"key": "[1]"})
    content, read = (tmp_path / "t.parquet").read_bytes(), 0
    for at in range(len(content)):
        (tmp_path / "t.parquet").write_bytes(content[:at] + bytes([content[at] ^ 0x7F]) + content[at + 1 :])
        try:
            assert read_parquet(tmp_path / "t.parquet").equals(TABLE)
            assert read_json_metadata(tmp_path / "t.parquet", "key") == [1]
            read += 1
        except ValueError:
            pass
    assert read < 20  # the checksum's own key and its surroundings


def test_tables_of_other_programs(tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet", schema={"a": pl.Float64(), "c": pl.String()})["a"].to_list() == [1, 2]
    with pytest.raises(ValueError, match="conversion"):
        read_parquet(tmp_path / "t.parquet", schema={"b": pl.Int32()})
    with pytest.raises(ValueError, match="key"):
        read_json_metadata(tmp_path / "t.parquet", "key")
    pl.DataFrame({"a": [None, {"x": 1}]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="lacks values in 'a'"):
        read_parquet(tmp_path / "t.parquet", filled=["a", "b"])
    with pytest.raises(ValueError, match=r"holds Struct.* in 'a', not Int32"):
        read_parquet(tmp_path / "t.parquet", schema={"a": pl.Int32()})


def test_a_full_disk_is_the_systems_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        write_parquet(TABLE, Path("/dev/full"))
    assert error.value.errno == errno.ENOSPC
