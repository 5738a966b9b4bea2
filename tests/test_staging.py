from pathlib import Path

import pytest

from stemtree.staging import whole_file


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    with whole_file(file) as partial:
        partial.write_text("half")
        assert not file.exists() and partial.parent == tmp_path
    assert file.read_text() == "half" and list(tmp_path.iterdir()) == [file]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 240)
    file.write_text("before")
    with pytest.raises(OSError, match="full"), whole_file(file) as partial:
        partial.write_text("half")
        raise OSError("full")
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]
