import collections
import shutil
from pathlib import Path

import pytest
import yaml

from stemtree.curation.splits.assign import SHARES, Song
from stemtree.curation.splits.tables import assign_to_table, read_splits, songs_from_tables, split_corpus
from stemtree.errors import CorpusError


def test_bad_tables_are_named(tmp_path: Path) -> None:
    songs = [Song(f"{number}", f"Artist {number}", "Song", "Rock", frozenset({"bass"})) for number in range(4)]
    (tmp_path / "t.csv").write_text("song,split\nx,holdout\n")
    with pytest.raises(CorpusError, match=r"'x' has the split 'holdout' in '.*t.csv': write train, validation, test"):
        assign_to_table(songs, tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("song,split\nx,train\nx,test\n")
    with pytest.raises(CorpusError, match="'x' is in train and in test"):
        assign_to_table(songs, tmp_path / "t.csv")


def test_tables_without_audio(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("Music_Title,Artist,Sub_Genre\nA - B,A,Jazz\nC - D,C,Rock\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - B,1.wav,Piano\nA - B,2.wav,Unused\nC - D,1.wav,Violin\n")
    songs, problems = songs_from_tables(tmp_path / "songs.csv", tmp_path / "labels.csv")
    assert problems == []
    assert [(item.name, item.genre, set(item.instruments)) for item in songs] == [
        ("A - B", "Jazz", {"pianos"}),
        ("C - D", "Rock", {"strings"}),
    ]
    (tmp_path / "valid.csv").write_text("song,split\na - b,valid\nX - Y,test\n")
    splits = assign_to_table(songs, tmp_path / "out" / "splits.csv", fixed=tmp_path / "valid.csv")
    assert splits.of["A - B"] == "validation"
    assert splits.unknown == ("X - Y",)
    assert read_splits(tmp_path / "out" / "splits.csv") == splits.of


def test_songs_that_one_table_lacks_are_counted(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("song\nA - Bé\nC - D\nE - F\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - Be\u0301,1.wav,Piano\nG - H,1.wav,Violin\n", "utf-8")
    songs, problems = songs_from_tables(tmp_path / "songs.csv", tmp_path / "labels.csv")
    assert [item.name for item in songs] == ["A - Bé"]
    (tmp_path / "splits.csv").write_text("song,split\nA - Be\u0301,validation\n", "utf-8")
    assert assign_to_table(songs, tmp_path / "splits.csv").of == {"A - Bé": "validation"}
    assert read_splits(tmp_path / "splits.csv") == {"A - Bé": "validation"}
    assert [problem.message.partition(" of")[0] for problem in problems] == ["2 songs", "1 song"]
    assert problems[0].message.endswith("such as 'C - D'") and problems[1].message.endswith("such as 'G - H'")
    (tmp_path / "others.csv").write_text("song\nX\n")
    with pytest.raises(CorpusError, match="give tables of the same songs"):
        songs_from_tables(tmp_path / "others.csv", tmp_path / "labels.csv")


def test_the_tables_that_are_read_are_not_written_over(cli, tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("song\nA - B\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - B,1.wav,Piano\n")
    tables = ("--songs", tmp_path / "songs.csv", "--annotation", tmp_path / "labels.csv")
    outcome = cli("curate", "split", *tables, "-o", tmp_path / "songs.csv", "--anew")
    assert outcome.code == 1 and "one of the tables that are read" in outcome.err
    assert (tmp_path / "songs.csv").read_text() == "song\nA - B\n"


def _write_song(root: Path, number: int) -> None:
    name = f"Artist{number}_Song"
    (root / name).mkdir(parents=True)
    stems = {"S01": {"filename": "x.wav", "instrument": "bass"}}
    data = {"artist": f"Artist {number}", "title": "Song", "session": f"Artist {number} - Song", "stems": stems}
    (root / name / f"{name}_METADATA.yaml").write_text(yaml.safe_dump(data))


def test_a_corpus_gets_its_splits_and_keeps_them(tmp_path: Path) -> None:
    for number in range(20):
        _write_song(tmp_path, number)
    first = split_corpus(tmp_path, (0.7, 0.1, 0.2))
    assert collections.Counter(first.of.values()) == {"train": 14, "validation": 2, "test": 4}
    for number in range(20, 30):
        _write_song(tmp_path, number)
    second = split_corpus(tmp_path, (0.7, 0.1, 0.2))
    assert first.of.items() <= second.of.items() and len(second.of) == 30
    metadata = yaml.safe_load((tmp_path / "Artist7_Song" / "Artist7_Song_METADATA.yaml").read_text())
    assert metadata["split"] == first.of["Artist 7 - Song"]
    assert split_corpus(tmp_path, SHARES, anew=True).of.keys() == second.of.keys()
    with pytest.raises(CorpusError, match="no songs with metadata"):
        split_corpus(tmp_path / "Artist7_Song")
    shutil.copytree(tmp_path / "Artist7_Song", tmp_path / "Copy")
    with pytest.raises(CorpusError, match=r"'Artist 7 - Song' is in '.*Artist7_Song' and in '.*Copy': remove one"):
        split_corpus(tmp_path)


def test_given_splits_of_no_song_are_told(cli, tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("Music_Title,Artist\nA - B,A\nC - D,C\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - B,1.wav,Piano\nC - D,1.wav,Violin\n")
    (tmp_path / "fixed.csv").write_text("song,split\nA - B,test\nX - Y,test\n")
    tables = ("--songs", tmp_path / "songs.csv", "--annotation", tmp_path / "labels.csv")
    outcome = cli("curate", "split", *tables, "-o", tmp_path / "splits.csv", "--fixed", tmp_path / "fixed.csv")
    assert f"'{tmp_path / 'fixed.csv'}' names 1 song not among these, such as 'X - Y'" in outcome.out
    assert read_splits(tmp_path / "splits.csv")["A - B"] == "test"
