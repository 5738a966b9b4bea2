from pathlib import Path

import pytest

from stemtree.curation.statistics import tables
from stemtree.curation.statistics.figures import draw_bars, draw_durations
from stemtree.errors import CorpusError


def test_pictures_show_what_is_there(tmp_path: Path) -> None:
    table = tables.Table("g", "Genres", ("genre", "A", "B"), (("Jazz", 1, 0), ("Folk", 0, 0), ("Pop/Rock", 3, 2)))
    _, picture = draw_bars(table, tmp_path / "bars", "% of songs")
    drawn = picture.read_text("utf-8")
    assert all(f">{text}<" in drawn for text in ("Jazz", "Pop/Rock", "75.0", "25.0", "100.0", "A", "B"))
    assert ">Folk<" not in drawn
    _, picture = draw_durations({"A": [20.0, 40.0]}, "Lengths", tmp_path / "lengths")
    assert all(f">{text}<" in picture.read_text("utf-8") for text in ("A: 2 songs, mean 0:30", "0:05", "0:55"))
    before = picture.read_bytes()
    draw_durations({"A": [20.0, 40.0]}, "Lengths", tmp_path / "lengths")
    assert picture.read_bytes() == before


def test_figures_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "figure.png").mkdir()
    with pytest.raises(CorpusError, match=r"cannot write to '.*figure' .*: choose another folder"):
        draw_bars(tables.Table("x", "X", ("x", "songs"), (("a", 1),)), tmp_path / "figure", "songs")
