import csv
import shutil
from pathlib import Path

import pytest
import yaml
from support.multitracks import write_annotation, write_session

from stemtree.curation.sessions.genres import UNKNOWN, genre_families
from stemtree.curation.statistics import tables
from stemtree.curation.statistics.figures import draw_bars, draw_durations
from stemtree.curation.statistics.records import SongRecord
from stemtree.curation.statistics.report import write_report
from stemtree.curation.stems.build import build_stems
from stemtree.curation.stems.settings import StemSettings
from stemtree.errors import CorpusError, OptionError


def record(song: str, **facts: object) -> SongRecord:
    given: dict[str, object] = {
        "corpus": "A", "song": song, "split": None, "seconds": 100.0, "channels": 2, "tracks": 4, "unmapped": 0,
        "labels": frozenset({"Piano", "Lead_Vocal"}), "instruments": frozenset({"pianos", "lead_vocal"}),
        "genre": "Jazz", "vocals": True, "leakage": None, "vocal_leakage": None,
    }  # fmt: skip
    return SongRecord(**{**given, **facts})  # type: ignore[arg-type]


def column(table: tables.Table, name: str) -> dict[object, object]:
    return {row[0]: row[table.header.index(name)] for row in table.rows}


def test_table_of_corpora() -> None:
    songs = [
        record("1", leakage=True, vocal_leakage=False),
        record("2", leakage=False, vocal_leakage=True, tracks=8, seconds=260.0, labels=frozenset({"Bell"})),
        record("3", channels=1, vocals=False, tracks=6, seconds=None),
    ]
    (row,) = tables.summary({"A": songs}).rows
    assert row == ("A", 3, 0.1, 6, 1.6, 3, 66.7, 50.0, 50.0, "both")


def test_tables_of_labels() -> None:
    songs = [
        record("1", split="train"), record("2", split="test", genre="Metal"), record("3", split="train", genre="Metal"),
    ]  # fmt: skip
    others = [record("4", corpus="B", genre=UNKNOWN, instruments=frozenset({"bass"}), unmapped=5)]
    both = {"A": songs, "B": others}
    assert tables.genres(both).header == ("genre", "A") and column(tables.genres(both), "A")["Metal"] == 2
    assert tables.instruments(both).header == ("instrument", "A")  # most stems of B stand for no instrument
    split = tables.genres_by_split("A", songs)
    assert split.header == ("genre", "train", "test")
    assert (column(split, "train")["Metal"], column(split, "test")["Jazz"]) == (1, 0)
    assert tables.shares(split)["train"][genre_families().index("Jazz")] == 50
    lengths = tables.durations({"A": [*songs, record("5", seconds=10.0)]})
    assert column(lengths, "A") == {
        "0-30": 1, "30-60": 0, "60-90": 0, "90-120": 3, "mean": 77.5, "median": 100.0, "deviation": 39.0,
    }  # fmt: skip


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"sample_rate": 0},
        {"samples": float("nan")},
        {"samples": -5},
        {"samples": 1e300},
        {"samples": "many"},
        {"channels": [2]},
    ],
)
def test_songs_with_impossible_metadata_are_left_out_and_named(tmp_path: Path, wrong: dict[str, object]) -> None:
    rows = [row for song in ("A - 1", "B - 2") for row in write_session(tmp_path / "raw", song, {"Bass.wav": "Bell"})]
    annotation = write_annotation(tmp_path / "a.csv", rows)
    build_stems(tmp_path / "raw", annotation, tmp_path / "MS21", StemSettings(), workers=1)
    file = tmp_path / "MS21" / "A_1" / "A_1_METADATA.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text("utf-8")), **wrong}), "utf-8")
    report = write_report([str(tmp_path / "MS21")], tmp_path / "report", figures=False)
    assert [record.song for record in report.corpora["MS21"]] == ["B - 2"]
    (problem,) = report.problems
    assert "A_1_METADATA.yaml' are not as they should be" in problem.message


def test_labels_of_no_instrument_are_named(cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("song,file,label\nOne,1.wav,Bell\nOne,2.wav,Kazoo\nOne,3.wav,\nTwo,4.wav,Unused\n")
    outcome = cli("curate", "stats", tmp_path / "a.csv", "-o", tmp_path / "report", "--no-figures")
    assert outcome.code == 1 and outcome.out.rstrip().endswith("1 problems")
    assert outcome.err == "stemtree: label: 'One' has 2 labels of no instrument ('', 'Kazoo'): correct them\n"


def test_a_song_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    annotation = write_annotation(tmp_path / "a.csv", write_session(tmp_path / "raw", "A - 1", {"Bass.wav": "Bell"}))
    build_stems(tmp_path / "raw", annotation, tmp_path / "MS21", StemSettings(), workers=1)
    shutil.copytree(tmp_path / "MS21" / "A_1", tmp_path / "MS21" / "B_2")
    (tmp_path / "MS21" / "B_2" / "A_1_METADATA.yaml").rename(tmp_path / "MS21" / "B_2" / "B_2_METADATA.yaml")
    report = write_report([str(tmp_path / "MS21")], tmp_path / "report", figures=False)
    assert len(report.corpora["MS21"]) == 1
    assert [problem.message for problem in report.problems] == [
        f"'A - 1' is in '{tmp_path / 'MS21'}' twice: it counts once"
    ]


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


def test_figures_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "figure.png").mkdir()
    with pytest.raises(CorpusError, match=r"cannot write '.*figure' .*: make room or choose another folder"):
        draw_bars(tables.Table("x", "X", ("x", "songs"), (("a", 1),)), tmp_path / "figure", "songs")
