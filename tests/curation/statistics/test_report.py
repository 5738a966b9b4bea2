import csv
from pathlib import Path

import pytest
from support.multitracks import write_annotation, write_session

from stemtree.curation.statistics.report import write_report
from stemtree.curation.stems.build import build_stems
from stemtree.curation.stems.settings import StemSettings
from stemtree.errors import OptionError


def test_report_of_an_annotation_and_a_corpus(tmp_path: Path) -> None:
    rows = write_session(tmp_path / "raw", "Ana - One", {"01_Bass.wav": "Electric_Bass", "02_Vox.wav": "Lead_Vocal"})
    annotation = write_annotation(tmp_path / "annotation.csv", rows)
    build_stems(tmp_path / "raw", annotation, tmp_path / "MS21", StemSettings(), workers=1)
    (tmp_path / "songs.csv").write_text("song,genre,vocal_quality\nAna - One,Bebop,0\n")
    (tmp_path / "splits.csv").write_text("song,split\nAna - One,valid\n")
    report = write_report(
        [f"table={annotation}", str(tmp_path / "MS21")], tmp_path / "report",
        songs=[tmp_path / "songs.csv"], splits=tmp_path / "splits.csv",
    )  # fmt: skip
    assert list(report.corpora) == ["table", "MS21"] and report.problems == []
    assert sorted(report.files) == sorted(file.name for file in (tmp_path / "report").iterdir())
    with (tmp_path / "report" / "songs.csv").open() as text:
        table, made = csv.DictReader(text)
    assert (table["split"], table["genre"], table["seconds"], table["vocal leakage"]) == ("validation", "Jazz", "", "1")
    assert (made["seconds"], made["channels"], made["tracks"], made["instruments"]) == (
        "2.0",
        "2",
        "2",
        "bass lead_vocal",
    )
    assert "figure_10_genres_by_split_table.png" in report.files
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "| table | 1 | ? | 2 |" in text and "![Genres (thesis, figure 13)](figure_13_genres.png)" in text


def test_names_of_corpora_with_blanks_and_in_other_scripts(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    (tmp_path / "a.csv").write_text("song,file,label\nOne,Kick.wav,Drum_Kick\n")
    write_report([f"東京\nother | name={tmp_path / 'a.csv'}"], tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "| 東京 other \\| name | 1 |" in text and not [one for one in recwarn if "Glyph" in str(one.message)]
    (tmp_path / "s.csv").write_text("song,split\nOne,test\n")
    write_report([f"my songs={tmp_path / 'a.csv'}"], tmp_path / "report", splits=tmp_path / "s.csv")
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "(figure_11_instruments_by_split_my%20songs.png)" in text


def test_one_name_for_two_corpora(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("song,file,label\nOne,Kick.wav,Drum_Kick\n")
    with pytest.raises(OptionError, match="a"):
        write_report([str(tmp_path / "a.csv")] * 2, tmp_path / "report", figures=False)
    with pytest.raises(OptionError, match="there is no corpus"):
        write_report([str(tmp_path / "b")], tmp_path / "report", figures=False)
