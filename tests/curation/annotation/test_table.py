import errno
from pathlib import Path

import pytest

from stemtree.curation.annotation.propose import (
    annotate,
)
from stemtree.curation.annotation.table import (
    AnnotationRow,
    read_annotation,
    read_names,
    read_settled,
    rows_to_review,
    write_annotation,
)
from stemtree.errors import CorpusError

FILES = ("01_Kick.wav", "02_Bass.wav", "03_Vox1.wav", "04_Vox2.wav", "05_Quux.wav")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.csv"
    path.write_text("song,file\n" + "".join(f"Anna - One,{file}\n" for file in FILES))
    return path


def test_labels_and_what_was_proposed_are_replaced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "annotation.csv"
    write_annotation(file, [AnnotationRow("S", "1.wav", "Piano", 0.5)])
    before = {place.name: place.read_bytes() for place in tmp_path.iterdir()}
    assert len(before) == 2 and read_settled(file) == []
    write, written = Path.write_text, []

    def full(place: Path, *arguments: object, **options: object) -> int:
        written.append(place)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(place, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CorpusError, match="No space left on device"):
        write_annotation(file, [AnnotationRow("S", "1.wav", "Organ", 0.6)])
    assert {place.name: place.read_bytes() for place in tmp_path.iterdir()} == before and read_settled(file) == []


def test_names_of_folders(tmp_path: Path) -> None:
    for file in (
        "A - B/1.wav",
        "A - B/Takes/2.flac",
        "A - B/cover.jpg",
        "A - B/__MACOSX/1.wav",
        ".hidden/3.wav",
        "C/x.txt",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert read_names(tmp_path)[0] == [("A - B", "1.wav"), ("A - B", "Takes/2.flac")]
    assert read_names(tmp_path / "A - B")[0] == [("A - B", "1.wav"), ("Takes", "2.flac")]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "Linked").symlink_to(tmp_path / "A - B")
    (raw / "Linked" / "Takes" / "back").symlink_to(tmp_path / "A - B")
    assert read_names(raw)[0] == [("Linked", "1.wav"), ("Linked", "Takes/2.flac")]  # the link's name


def test_bad_names(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes("song,file\nS,Gitarre \xfc.wav\nS,1.wav\nS,1.wav\nS,\n".encode("cp1252"))
    found, problems = read_names(path)
    assert found == [("S", "Gitarre \xfc.wav"), ("S", "1.wav")]
    assert [problem.kind for problem in problems] == ["name", "twice"]
    (tmp_path / "S").mkdir()
    (tmp_path / "S" / "ok.wav").touch()
    (Path(str(tmp_path)) / "S" / "bad\udcff.wav").touch()
    found, problems = read_names(tmp_path)
    assert found == [("S", "ok.wav")]
    assert problems[0].message == "the name 'bad\\udcff.wav' in 'S' is not Unicode: rename the file"
    for text, said in (("file\n", "lacks the column 'song'"), ("song,file\n", "names no audio files")):
        path.write_text(text)
        with pytest.raises(CorpusError, match=said):
            read_names(path)
    with pytest.raises(CorpusError, match="cannot read the table"):
        read_names(tmp_path / "none.csv")
    path.write_text("song,file,label,confidence\nS,1.wav,Bell,high\n")
    with pytest.raises(CorpusError, match=r"row 2 of .* has the confidence 'high'"):
        read_annotation(path)


def test_settled_rows_are_not_reviewed() -> None:
    rows = [AnnotationRow("s", str(n), "Bell", n / 10, "done" if n < 3 else "") for n in range(10)]
    assert [row.file for row in rows_to_review(rows, 0.3)] == ["3", "4"]


def test_a_copy_without_its_proposals_loses_nothing(names: Path, tmp_path: Path) -> None:
    annotate(names, tmp_path / "a.csv")
    moved = tmp_path / "elsewhere" / "a.csv"
    moved.parent.mkdir()
    moved.write_bytes((tmp_path / "a.csv").read_bytes())
    assert len(read_settled(moved)) == len(FILES)
    assert read_settled(tmp_path / "a.csv") == []


def test_an_annotation_is_written_whole_or_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="cannot write"):
        write_annotation(tmp_path / "file" / "a.csv", [AnnotationRow("s", "1", "Bell")])


def test_of_names_alike_one_is_reviewed_first() -> None:
    rows = [AnnotationRow("s", f"Quux {n}.wav", "Bell", n / 10) for n in range(4)] + [
        AnnotationRow("s", "Kick.wav", "Drum_Kick", 0.9)
    ]
    assert [row.file for row in rows_to_review(rows, 0.4)] == ["Quux 0.wav", "Kick.wav"]
    assert [row.file for row in rows_to_review(rows, 0.6)] == ["Quux 0.wav", "Kick.wav", "Quux 1.wav"]
    numbers = [AnnotationRow("s", f"{n}.wav", "Bell", n / 10) for n in range(4)]  # nothing is carried between these
    assert [row.file for row in rows_to_review([*numbers, AnnotationRow("s", "Kick.wav", "Drum_Kick", 0.9)], 0.4)] == [
        "0.wav",
        "1.wav",
    ]
