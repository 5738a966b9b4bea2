"""What messages of curation say to do is done here once, and then it works."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.multitracks import BAND, SONG, build, write_annotation, write_session

from stemtree.corpora.track import Problem
from stemtree.curation.annotation.classifier.classifier import load_classifier
from stemtree.curation.annotation.contradictions import check_labels
from stemtree.curation.annotation.listen import listen
from stemtree.curation.annotation.propose import annotate
from stemtree.curation.annotation.table import read_annotation, read_names, read_settled
from stemtree.curation.bleed.measure import BleedSettings, update_leaks
from stemtree.curation.bleed.table import read_leaks
from stemtree.curation.sessions.csv_tables import read_table, write_text
from stemtree.curation.sessions.sessions import find_sessions, read_track_labels
from stemtree.curation.sessions.songs import read_songs
from stemtree.curation.splits.assign import Song, assign_splits
from stemtree.curation.splits.tables import read_splits, songs_from_tables, split_corpus
from stemtree.curation.statistics.report import write_report
from stemtree.curation.stems.settings import StemSettings
from stemtree.errors import CorpusError, OptionError, StemtreeError
from stemtree.hierarchy import load

Read = Callable[[Path], object]

TABLES: dict[str, tuple[Read, str, str, str]] = {
    "save it as CSV in UTF-8": (
        lambda file: read_table(file), "song\nS\udce9\n", "is not CSV in UTF-8: save it as that", "song\nSé\n"
    ),
    "name the column": (
        lambda file: read_table(file, ["file"]), "song\nS\n", "lacks the column 'file': its first line must name it",
        "song,file\nS,1.wav\n",
    ),
    "write a number, or nothing": (
        read_annotation, "song,file,label,confidence\nS,1.wav,Bell,high\n", "write a number, or nothing",
        "song,file,label,confidence\nS,1.wav,Bell,\nS,2.wav,Bell,0.5\n",
    ),
    "keep one row of a file": (
        read_settled, "song,file,label\nS,1.wav,Bell\nS,1.wav,Gong\n", "keep one row", "song,file,label\nS,1.wav,Bell\n"
    ),
    "give songs and files": (
        read_names, "song,file\n", "names no audio files: give", "song,file\nS,1.wav\n"
    ),
    "give a table of songs": (
        read_songs, "song\n", "holds no songs: give one with the column song and a row for each", "song\nA - B\n"
    ),
    "name the column song": (
        read_songs, "piece\nA - B\n", "lacks the column 'song': its first line must name it", "song\nA - B\n"
    ),
    "complete or remove a row": (
        read_songs, "song,genre\nA - B,Jazz\n,Rock\n", "row 3 .* names no song: complete or remove it",
        "song,genre\nA - B,Jazz\n",
    ),
    "keep one row of a song": (
        read_songs, "song,genre\nA - B,Rock\nA - B,Jazz\n", "with different facts: keep one row",
        "song,genre\nA - B,Rock\n",
    ),
    "write a split that exists": (
        read_splits, "song,split\nA,holdout\n", "write train, validation, test",
        "song,split\nA,test\nB,train\nC,validation\n",
    ),
    "keep one split": (
        read_splits, "song,split\nA,test\nA,train\n", "keep one row", "song,split\nA,test\n"
    ),
    "annotate": (
        read_track_labels, "song,file,label\n", "holds no rows: run stemtree curate annotate",
        "song,file,label\nS,1.wav,Bell\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("remedy", TABLES)
def test_tables(remedy: str, tmp_path: Path) -> None:
    read, wrong, message, right = TABLES[remedy]
    file = tmp_path / "t.csv"
    file.write_bytes(wrong.encode("utf-8", "surrogateescape"))
    with pytest.raises(CorpusError, match=message):
        read(file)
    file.write_text(right, "utf-8")
    assert read(file)


def test_the_annotation_goes_elsewhere_with_a_share_between_0_and_1(tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("song,file\nS,Kick.wav\n")
    with pytest.raises(OptionError, match="write the annotation elsewhere"):
        annotate(names, names)
    with pytest.raises(OptionError, match="give one between 0 and 1"):
        annotate(names, tmp_path / "a.csv", review_share=-1)
    assert annotate(names, tmp_path / "a.csv", review_share=1).rows[0].review == "yes"


@pytest.mark.parametrize(("code", "remedy"), [("ENOSPC", "make room or"), ("EACCES", "choose another folder")])
def test_where_nothing_can_be_written_the_cause_decides_what_helps(
    code: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def fail(*_: object, **__: object) -> None:
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fail)
        with pytest.raises(CorpusError, match=rf"cannot write to '.*t.csv' \(.*\): {remedy}"):
            write_text(tmp_path / "t.csv", "x")
    write_text(tmp_path / "other" / "t.csv", "x")
    assert (tmp_path / "other" / "t.csv").read_text() == "x"


def test_names_that_are_not_unicode_are_renamed(tmp_path: Path) -> None:
    (tmp_path / "S").mkdir()
    (tmp_path / "S" / "a.wav").touch()
    wrong = os.fsencode(tmp_path / "S") + b"/K\xefck.wav"
    try:
        with open(wrong, "w"):
            pass
    except OSError:
        pytest.skip("this file system takes Unicode alone")
    _, (problem,) = read_names(tmp_path)
    assert problem.message.endswith("is not Unicode: rename the file")
    os.rename(wrong, tmp_path / "S" / "Kick.wav")
    assert read_names(tmp_path) == ([("S", "Kick.wav"), ("S", "a.wav")], [])


def test_weights_are_made_with_curate_fit(cli, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"none")
    with pytest.raises(CorpusError, match="make them with stemtree curate fit"):
        load_classifier(tmp_path / "w.safetensors")
    rows = [f"Artist {n} - Song,{n}_{file}.wav,{label}\n" for n in range(3) for file, label in (("Kick", "Gong"),)]
    (tmp_path / "labels.csv").write_text("song,file,label\n" + "".join(rows))
    outcome = cli("curate", "fit", tmp_path / "labels.csv", "-o", tmp_path / "w.safetensors", "--folds", 4)
    assert outcome.code == 1 and "3 songs cannot be cut into 4 folds: give more songs" in outcome.err


def session(tmp_path: Path) -> tuple[Path, Path]:
    """A song of two tracks, and its annotation."""
    rows = write_session(tmp_path / "raw", "A - B", {"1.wav": "Electric_Bass", "2.wav": "Piano"}, seconds=0.5)
    return tmp_path / "raw", write_annotation(tmp_path / "a.csv", rows)


def problems_of(root: Path, annotation: Path) -> list[str]:
    found = []
    for one in find_sessions(root, read_track_labels(annotation), load("ms21")):
        found += [one] if isinstance(one, Problem) else list(one.problems)
    return [problem.message for problem in found]


def test_sessions_and_their_annotation(tmp_path: Path) -> None:
    root, annotation = session(tmp_path)
    with pytest.raises(CorpusError, match=r"there is no folder '.*nowhere': check the path"):
        problems_of(tmp_path / "nowhere", annotation)
    whole = annotation.read_text()
    annotation.write_text(f"{whole}C - D,1.wav,Piano,,\n")
    assert problems_of(root, annotation) == [f"'{root}' holds no folder 'C - D': unpack it, or remove its rows"]
    (root / "C - D").mkdir()
    shutil.copy(root / "A - B" / "1.wav", root / "C - D")
    assert problems_of(root, annotation) == []
    annotation.write_text(whole)
    assert problems_of(root, annotation) == [f"the annotation has no rows for '{root / 'C - D'}': annotate it"]
    annotate(root, tmp_path / "all.csv")
    assert problems_of(root, tmp_path / "all.csv") == []
    annotation.write_text(whole + "A - B,1.wav,Piano,,\n")
    assert any(message.endswith("keep one row") for message in problems_of(root, annotation))
    annotation.write_text(whole)
    with pytest.raises(CorpusError, match="check the folder"):
        listen(tmp_path, annotation, tmp_path / "e.csv")
    assert len(listen(root, annotation, tmp_path / "e.csv")) == 2


def test_leakage(tmp_path: Path) -> None:
    root, annotation = session(tmp_path)
    with pytest.raises(OptionError, match="give -120 to 0"):
        BleedSettings(threshold=1)
    for folder, message in (
        (root / "none", "give the folders of songs"),
        (root, "annotate it, or give a song's folder"),
    ):
        try:
            report = update_leaks([folder], annotation, tmp_path / "b.csv", BleedSettings(threshold=-120), workers=1)
            assert message in report.problems[0].message
        except CorpusError as error:
            assert message in str(error)
    (tmp_path / "b.csv").write_text("song,file,label,leaks\nA - B,1.wav,Electric_Bass,perhaps\n")
    with pytest.raises(CorpusError, match=r"lacks the column|make it with stemtree curate bleed"):
        read_leaks(tmp_path / "b.csv")
    (tmp_path / "b.csv").unlink()
    update_leaks([root / "A - B"], annotation, tmp_path / "b.csv", BleedSettings(), workers=1)
    assert read_leaks(tmp_path / "b.csv")


def test_stems(tmp_path: Path) -> None:
    rows = write_session(tmp_path / "raw", SONG, {name: BAND[name] for name in list(BAND)[4:6]}, seconds=1.0)
    write_annotation(tmp_path / "annotation.csv", rows)
    with pytest.raises(OptionError, match="give 8000 to 192000"):
        StemSettings(sample_rate=100)
    with pytest.raises(OptionError, match="run stemtree curate bleed and give its table with --bleed"):
        build(tmp_path, StemSettings(drop_bleed=True))
    folders = [tmp_path / "raw" / SONG]
    update_leaks(folders, tmp_path / "annotation.csv", tmp_path / "b.csv", BleedSettings(), workers=1)
    report = build(tmp_path, StemSettings(drop_bleed=True, sample_rate=8000), bleed=tmp_path / "b.csv")
    assert report.made == [SONG] and report.problems == []
    write_annotation(tmp_path / "annotation.csv", [(song, name, "Unused") for song, name, _ in rows])
    assert "is left to make a stem of: check its labels" in build(tmp_path).problems[0].message
    write_annotation(tmp_path / "annotation.csv", rows)
    taken = next((tmp_path / "MS21").iterdir())
    shutil.rmtree(taken)
    taken.mkdir()
    assert "holds something else than a song made here: choose another folder" in build(tmp_path).problems[0].message
    taken.rmdir()
    assert build(tmp_path).problems == []


def test_twins_are_told_apart_in_the_table_of_songs(tmp_path: Path) -> None:
    bass = {"1.wav": "Electric_Bass"}
    rows = write_session(tmp_path / "raw", "A - B", bass, seconds=0.5) + write_session(
        tmp_path / "raw", "A - B!", bass, seconds=0.5
    )
    write_annotation(tmp_path / "annotation.csv", rows)
    (problem,) = build(tmp_path).problems
    assert problem.message.endswith("tell them apart in the table of songs")
    (tmp_path / "songs.csv").write_text("song,artist,title\nA - B!,A,B live\n")
    assert build(tmp_path, songs=tmp_path / "songs.csv").problems == []


def test_splits(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="make them with stemtree curate stems"):
        split_corpus(tmp_path)
    songs = [Song(name, name, "T", "Rock", frozenset({"bass"})) for name in "ABCDEFGHIJ"]
    with pytest.raises(OptionError, match="give three that sum to 1"):
        assign_splits(songs, (0.5, 0.5))
    with pytest.raises(CorpusError, match="give each its own name"):
        assign_splits([*songs, songs[0]], (0.8, 0.1, 0.1))
    with pytest.raises(CorpusError, match="write train, validation, test"):
        assign_splits(songs, (0.8, 0.1, 0.1), earlier={"A": "holdout"})
    assert len(assign_splits(songs, (0.8, 0.1, 0.1), earlier={"A": "test"}).of) == 10
    root, annotation = session(tmp_path)
    (tmp_path / "songs.csv").write_text("song\nX - Y\n")
    with pytest.raises(CorpusError, match="give tables of the same songs"):
        songs_from_tables(tmp_path / "songs.csv", annotation)
    (tmp_path / "songs.csv").write_text("song\nA - B\n")
    assert songs_from_tables(tmp_path / "songs.csv", annotation)[1] == []
    assert root.is_dir()


def test_statistics(tmp_path: Path) -> None:
    def report(*corpora: object) -> dict[str, list[object]]:
        return dict(write_report([str(one) for one in corpora], tmp_path / "report", figures=False).corpora)

    _, annotation = session(tmp_path)
    (tmp_path / "empty").mkdir()
    for corpora, message in (
        ([], "there is no corpus to describe: give at least one"),
        ([tmp_path / "none"], r"give \[NAME=\]\[KIND:\]ROOT, the kind being one of"),
        ([tmp_path / "empty"], "no file shows which kind of corpus"),
        ([f"ms21:{tmp_path / 'empty'}"], "check folder and kind"),
        ([annotation, annotation], "give one another name, as in NAME="),
    ):
        with pytest.raises(StemtreeError, match=message):
            report(*corpora)
    assert list(report(annotation, f"again={annotation}", f"third=annotation:{annotation}")) == ["a", "again", "third"]


def test_metadata_are_checked_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="give a folder in MedleyDB's layout"):
        check_labels(tmp_path)
    rows = write_session(tmp_path / "raw", SONG, {"1.wav": "Electric_Bass"}, seconds=0.5)
    write_annotation(tmp_path / "annotation.csv", rows)
    build(tmp_path)
    assert check_labels(tmp_path / "MS21") == (1, [])


def test_silent_songs_have_their_files_checked(tmp_path: Path) -> None:
    rows = write_session(tmp_path / "raw", SONG, {"1.wav": "Electric_Bass"}, seconds=0.5)
    write_annotation(tmp_path / "annotation.csv", rows)
    file = tmp_path / "raw" / SONG / "1.wav"
    whole = file.read_bytes()
    soundfile.write(file, np.zeros(8000), 8000)
    assert "no track has any signal: check the files and their labels" in build(tmp_path).problems[0].message
    file.write_bytes(whole)
    assert build(tmp_path).problems == []
