import shutil
from pathlib import Path

import pytest
import soundfile
import yaml
from support.multitracks import write_annotation, write_session

from stemtree.curation.statistics.report import write_report
from stemtree.curation.stems.build import build_stems
from stemtree.curation.stems.settings import StemSettings


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


def test_a_mono_copy_is_mono(tmp_path: Path) -> None:
    """Its metadata are those of the original; the header says what it is."""
    rows = write_session(tmp_path / "raw", "A - 1", {"Bass.wav": "Bell"})
    annotation = write_annotation(tmp_path / "a.csv", rows)
    build_stems(tmp_path / "raw", annotation, tmp_path / "MS21", StemSettings(), workers=1)
    mixture = tmp_path / "MS21" / "A_1" / "A_1_MIX.wav"
    audio, rate = soundfile.read(mixture)
    assert audio.shape[1] == 2
    soundfile.write(mixture, audio.mean(axis=1), rate)
    report = write_report([str(tmp_path / "MS21")], tmp_path / "report", figures=False)
    assert [record.channels for record in report.corpora["MS21"]] == [1]


def test_labels_of_no_instrument_are_named(cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("song,file,label\nOne,1.wav,Bell\nOne,2.wav,Kazoo\nOne,3.wav,\nTwo,4.wav,Unused\n")
    outcome = cli("curate", "stats", tmp_path / "a.csv", "-o", tmp_path / "report", "--no-figures")
    assert outcome.code == 1 and outcome.out.rstrip().endswith("1 problem")
    assert outcome.err == "stemtree: label: 'One' has 2 labels of no instrument ('', 'Kazoo'): correct them\n"


def test_accents_spelled_apart_are_one_song(cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("song,file,label\nCre\u0301dit,1.wav,Bell\n", "utf-8")
    (tmp_path / "songs.csv").write_text("song,genre\nCr\u00e9dit,Metal\n", "utf-8")
    (tmp_path / "splits.csv").write_text("song,split\nCr\u00e9dit,test\n", "utf-8")
    tables = ("--songs", tmp_path / "songs.csv", "--splits", tmp_path / "splits.csv")
    assert cli("curate", "stats", tmp_path / "a.csv", *tables, "-o", tmp_path / "out", "--no-figures").code == 0
    assert ",test,,,1,Metal," in (tmp_path / "out" / "songs.csv").read_text("utf-8")


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
