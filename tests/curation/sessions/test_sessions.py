import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.corpora.track import Problem
from stemtree.curation.sessions.sessions import Session, find_sessions, read_session, read_track_labels
from stemtree.errors import CorpusError
from stemtree.hierarchy import load

MS21 = load("ms21")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, np.zeros(10), 8000)
    return folder


def test_rows_meet_files_whatever_their_spelling(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "02_Pià.wav")
    folder = touch(
        tmp_path / "歌手 - 題名", "01_Бас.wav", decomposed, "Takes/03_Vox.wav", "__MACOSX/._01.wav", ".x.wav"
    )
    rows = [("01_Бас.wav", "Electric_Bass"), ("02_Pià.wav", "Piano"), ("03_Vox.wav", "Lead_Vocal")]
    session = read_session(folder, folder.name, rows, MS21)
    assert [(track.label, track.leaf.rpartition("/")[2], track.path.exists()) for track in session.tracks] == [
        ("Electric_Bass", "bass", True),
        ("Piano", "pianos", True),
        ("Lead_Vocal", "lead_vocal", True),
    ]
    assert not session.problems and not session.without_row


def test_everything_that_does_not_fit_is_named(tmp_path: Path) -> None:
    folder = touch(tmp_path / "A - B", "a.wav", "b.wav", "c.wav", "x/d.wav", "y/d.wav", "room.wav", "new.wav")
    rows = [
        ("a.wav", "Piano"),
        ("a.wav", "Piano"),  # the same again does no harm
        ("b.wav", "Piano"),
        ("b.wav", "Violin"),
        ("c.wav", "Kazoo"),
        ("d.wav", "Piano"),
        ("gone.wav", "Piano"),
        ("x/gone.wav", "Piano"),
        ("room.wav", "Ambient_Microphone"),
    ]
    session = read_session(folder, "A - B", rows, MS21)
    assert [track.name for track in session.tracks] == ["a.wav", "b.wav"]
    assert session.set_aside == ("room.wav",)
    assert session.without_row == ("new.wav", "x/d.wav", "y/d.wav")
    assert [(problem.kind, problem.message.partition(":")[0]) for problem in session.problems] == [
        ("twice", "'b.wav' of 'A - B' is both Piano and Violin"),
        ("label", "'c.wav' of 'A - B'"),
        ("ambiguous", "'A - B' holds several files called 'd.wav'"),
        ("missing", "'A - B' holds no file 'gone.wav' that can be audio"),
        ("missing", "'A - B' holds no file 'x/gone.wav' that can be audio"),
    ]


def test_songs_without_folders_and_folders_without_rows(tmp_path: Path) -> None:
    touch(tmp_path / "here", "a.wav")
    touch(tmp_path / "stray", "a.wav")
    (tmp_path / "empty").mkdir()
    found = list(find_sessions(tmp_path, {"here": [("a.wav", "Piano")], "gone": [("a.wav", "Piano")]}, MS21))
    assert [item.kind if isinstance(item, Problem) else item.song for item in found] == [
        "no folder",
        "here",
        "not annotated",
    ]


def test_labels_of_every_song(tmp_path: Path) -> None:
    annotation = tmp_path / "annotation.csv"
    annotation.write_text("﻿song,file,label,confidence,review\nA - B,a.wav,Piano,0.9,0\n", "utf-8")
    assert read_track_labels(annotation) == {"A - B": [("a.wav", "Piano")]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"song,label\nx,y\n", "lacks the column 'file'"),
        (b"song,file,label\n", "holds no rows"),
        ("song,file,label\nx,é.wav,Piano".encode("latin-1"), "is not CSV in UTF-8"),
        (b"", "lacks the column 'song'"),
    ],
)
def test_bad_annotations_are_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=said):
        read_track_labels(tmp_path / "a.csv")


def test_blanks_around_names_which_tables_lose(tmp_path: Path) -> None:
    folder = touch(tmp_path / " A - B", " 01 Kick.wav", "Takes/ 02 Vox.wav")
    (session,) = find_sessions(tmp_path, {"A - B": [("01 Kick.wav", "Drum_Kick"), ("02 Vox.wav", "Lead_Vocal")]}, MS21)
    assert isinstance(session, Session) and not session.problems and not session.without_row
    assert [track.path for track in session.tracks] == [folder / " 01 Kick.wav", folder / "Takes/ 02 Vox.wav"]


def test_files_whose_names_differ_in_how_accents_are_spelled(tmp_path: Path) -> None:
    folder = touch(tmp_path / "A - B", "\xe9.wav", "e\u0301.wav")
    session = read_session(folder, "A - B", [("\xe9.wav", "Piano")], MS21)
    (problem,) = session.problems
    assert problem.message == "'A - B' holds several files called '\xe9.wav', spelled apart: rename one"
