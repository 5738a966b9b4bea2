from pathlib import Path

import pytest

from stemtree.curation.bleed.table import Leak, LeakRow, read_leak_rows, read_leaks, write_leaks
from stemtree.errors import CorpusError


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        LeakRow("A", "1.wav", "Piano", Leak(False)),
        LeakRow("A", "2, 3.wav", "Lead_Vocal", Leak(True, -12.5, "Drum_Kick", "1.wav", 8.25, -40.0)),
    ]
    write_leaks(tmp_path / "new" / "bleed.csv", rows)
    assert read_leak_rows(tmp_path / "new" / "bleed.csv") == rows
    assert read_leaks(tmp_path / "new" / "bleed.csv") == {"A": {row.file: row.leak for row in rows}}


def test_the_threshold_decides() -> None:
    assert Leak(False, -12.5).with_threshold(-12.5).leaks and not Leak(True, -12.5).with_threshold(-12).leaks
    assert not Leak(True).with_threshold(-120).leaks


def test_bad_tables(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("song,file,leaks\nA,b.wav,maybe\n")
    with pytest.raises(CorpusError, match="not of leakage"):
        read_leaks(tmp_path / "bad.csv")
