import csv
import itertools
from pathlib import Path

import pytest

from stemtree.curation.annotation.listen import listen
from stemtree.curation.annotation.propose import (
    CARRIED,
    CARRIED_AGAINST,
    annotate,
    propose,
    song_level,
    write_song_level,
)
from stemtree.curation.annotation.table import (
    AnnotationRow,
    read_annotation,
)
from stemtree.errors import CorpusError, OptionError

FILES = ("01_Kick.wav", "02_Bass.wav", "03_Vox1.wav", "04_Vox2.wav", "05_Quux.wav")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.csv"
    path.write_text("song,file\n" + "".join(f"Anna - One,{file}\n" for file in FILES))
    return path


def correct(annotation: Path, **changes: str) -> None:
    """Write labels over, as a person would in a spreadsheet; a label ending in ! is marked done instead."""
    rows = list(csv.DictReader(annotation.read_text("utf-8").splitlines()))
    for row in rows:
        for word, label in changes.items():
            if word in row["file"]:
                row |= {"review": "done"} if label == "!" else {"label": label}
    with annotation.open("w", newline="", encoding="utf-8") as text:
        table = csv.DictWriter(text, rows[0])
        table.writeheader()
        table.writerows(rows)


def test_columns_and_review(names: Path, tmp_path: Path) -> None:
    out = tmp_path / "annotation.csv"
    done = annotate(names, out, review_share=0.2)
    assert out.read_text().splitlines()[0] == "song,file,label,confidence,review"
    assert [row.file for row in done.rows] == list(FILES)
    assert [row.label for row in done.rows[:2]] == ["Drum_Kick", "Electric_Bass"]
    (first,) = (row for row in done.rows if row.review == "yes")
    assert first.confidence == min(row.confidence or 1 for row in done.rows)
    assert read_annotation(out) == [
        AnnotationRow(row.song, row.file, row.label, round(row.confidence or 0, 4), row.review) for row in done.rows
    ]


def test_corrections_stay_and_are_carried_to_their_likes(names: Path, tmp_path: Path) -> None:
    out = tmp_path / "annotation.csv"
    annotate(names, out)
    correct(out, Quux="Gong", Bass="!", Vox1="Choir")
    for _ in range(2):  # and again: what was settled stays so
        done = annotate(names, out)
        by_file = {row.file: row for row in done.rows}
        assert by_file["05_Quux.wav"].label == "Gong" and by_file["05_Quux.wav"].review == "done"
        assert by_file["02_Bass.wav"].review == "done"
        assert by_file["04_Vox2.wav"].label == "Choir" and by_file["04_Vox2.wav"].review != "done"
        assert by_file["01_Kick.wav"].review != "done"
        assert done.kept == 3
    correct(out, Vox2="Lead_Vocal")
    assert [row.label for row in annotate(names, out).rows][2:4] == ["Choir", "Lead_Vocal"]


def test_rows_of_elsewhere_and_rows_without_files(names: Path, tmp_path: Path) -> None:
    out = tmp_path / "annotation.csv"
    out.write_text(
        "song,file,label\nAnna - One,05_Quux.wav,Anvil\nAnna - One,gone.wav,Bell\nAnna - One,01_Kick.wav,Kazoo\n"
    )
    done = annotate(names, out)
    assert {row.file: row.label for row in done.rows if row.review == "done"} == {
        "05_Quux.wav": "Anvil", "gone.wav": "Bell", "01_Kick.wav": "Kazoo",
    }  # fmt: skip
    assert [problem.kind for problem in done.problems] == ["no file", "label"]


def test_accents_spelled_apart_are_one_name(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("song,file\nS,Cre\u0301dit.wav\n", "utf-8")
    (tmp_path / "a.csv").write_text("song,file,label\nS,Cr\u00e9dit.wav,Bell\n", "utf-8")
    (row,) = annotate(tmp_path / "names.csv", tmp_path / "a.csv").rows
    assert (row.label, row.review) == ("Bell", "done")


def test_bad_options(names: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="between 0 and 1"):
        annotate(names, tmp_path / "a.csv", review_share=10)
    with pytest.raises(OptionError, match="holds the names themselves"):
        annotate(names, names)


@pytest.mark.parametrize(("lead", "backing", "electric", "acoustic"), [*itertools.product((False, True), repeat=4)])
def test_song_level(lead: bool, backing: bool, electric: bool, acoustic: bool) -> None:
    held = [
        lead * "Lead_Vocal",
        backing * "Choir",
        electric * "Electric_Guitar",
        acoustic * "Acoustic_Guitar",
        "Unused",
    ]
    (song,) = song_level([AnnotationRow("s", str(number), label) for number, label in enumerate(held) if label])
    assert song.lead_back_both == (lead and backing)
    assert song.guitar_both == (electric and acoustic)
    assert song.vocals == (lead or backing)


def test_song_level_file(tmp_path: Path) -> None:
    write_song_level(tmp_path / "songs.csv", [AnnotationRow("s", "1", "Lead_Vocal"), AnnotationRow("t", "1", "Bell")])
    lines = (tmp_path / "songs.csv").read_text().splitlines()
    assert lines == ["song,Lead_Back_both,Guitar_Both,Vocals", "s,0,0,1", "t,0,0,0"]


def test_song_level_replaces_no_other_table(cli, names: Path, tmp_path: Path) -> None:
    """`curate stems --songs` reads a table of the same name; the annotation that is made is none either."""
    table, annotation = tmp_path / "songs.csv", tmp_path / "a.csv"
    table.write_text("song,artist\nA - B,A\n")
    for file in (table, annotation):
        outcome = cli("curate", "annotate", names, "-o", annotation, "--songs", file)
        assert outcome.code == 1 and outcome.err == (
            f"stemtree: '{file}' is no table that --songs wrote, and it would be replaced: give another name\n"
        )
    assert table.read_text() == "song,artist\nA - B,A\n" and not annotation.exists()
    table.unlink()
    for _ in range(2):
        assert cli("curate", "annotate", names, "-o", annotation, "--songs", table).code == 0


def test_duplicates_of_a_session_are_proposed_alike() -> None:
    rows = propose([("s", "A/Kick.wav"), ("s", "B/Kick.wav")])
    assert {row.label for row in rows} == {"Drum_Kick"}


def test_names_without_words_are_not_alike() -> None:
    names = [("s", "01.wav"), ("s", "02.wav")]
    alone = propose(names)
    label = next(one for one in ("Gong", "Bell") if one != alone[1].label)
    corrected = propose(names, [AnnotationRow("s", "01.wav", label, None, "done")])
    assert (corrected[0].label, corrected[1].label) == (label, alone[1].label)


def test_what_is_carried_against_the_proposal_is_less_certain() -> None:
    names = [("s", "LeadVox1.wav"), ("s", "LeadVox2.wav")]
    confidence = {
        label: propose(names, [AnnotationRow("s", "LeadVox1.wav", label, None, "done")])[1].confidence
        for label in ("Lead_Vocal", "Choir")
    }
    assert confidence == {"Lead_Vocal": CARRIED, "Choir": CARRIED_AGAINST}


@pytest.mark.parametrize("review", ["", "done"])
def test_two_labels_for_one_file_are_refused(review: str, tmp_path: Path) -> None:
    annotation = tmp_path / "a.csv"
    text = f"song,file,label,confidence,review\ns,1.wav,Bell,0.5,{review}\ns,1.wav,Gong,0.5,\n"
    annotation.write_text(text)
    (tmp_path / "names.csv").write_text("song,file\ns,1.wav\n")
    with pytest.raises(CorpusError, match=r"'1.wav' of 's' is both Bell and Gong in '.*a.csv': keep one row"):
        annotate(tmp_path / "names.csv", annotation)
    with pytest.raises(CorpusError, match=r"'1.wav' of 's' is both Bell and Gong in '.*a.csv': keep one row"):
        listen(tmp_path, annotation, tmp_path / "evidence.csv")
    assert annotation.read_text() == text  # nothing was lost


def test_blanks_around_names_do_not_lose_corrections(tmp_path: Path) -> None:
    (tmp_path / "raw" / "s").mkdir(parents=True)
    (tmp_path / "raw" / "s" / " Quux.wav").touch()
    annotate(tmp_path / "raw", tmp_path / "a.csv")
    correct(tmp_path / "a.csv", Quux="Gong")
    done = annotate(tmp_path / "raw", tmp_path / "a.csv")
    assert [(row.file, row.label) for row in done.rows] == [(" Quux.wav", "Gong")] and not done.problems


def test_words_one_letter_from_an_instruments_and_shared_ones_count_for_nothing() -> None:
    files = {
        "Layla Cover - Kick.wav": "Drum_Kick", "Layla Cover - Vocals.wav": "Lead_Vocal",
        "Layla Cover - Acoustic Gtr.wav": "Acoustic_Guitar", "Layla Cover - Bass.wav": "Electric_Bass",
        "Layla Cover - Piano.wav": "Piano",
    }  # fmt: skip
    rows = propose([("C - Song", file) for file in files])
    assert [row.label for row in rows] == list(files.values())
    assert all(row.review == "" for row in rows)


def test_what_is_not_known_is_reviewed_and_not_unused() -> None:
    known = {
        "Click.wav": "Unused",
        "AG.wav": "Acoustic_Guitar",
        "EG 1.wav": "Electric_Guitar",
        "Keys.wav": "Electric_Piano",
    }
    unknown = ("Clips/0001 1-Audio.wav", "Xyzzy.wav", "001.wav", "Bride.wav", "Overlap.wav", "Molly.wav")
    rows = {row.file: row for row in propose([("A - B", file) for file in (*known, *unknown)])}
    assert {file: rows[file].label for file in known} == known
    assert [rows[file].review for file in known] == [""] * 4
    for file in unknown:
        assert rows[file].review == "yes" and rows[file].label != "Unused" and (rows[file].confidence or 1) < 0.5


def test_unknown_names_are_marked_beside_the_share(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("song,file\nS,Kick.wav\nS,Xyzzy.wav\nS,Snare.wav\n")
    done = annotate(tmp_path / "names.csv", tmp_path / "a.csv", review_share=0)
    assert [row.review for row in done.rows] == ["", "yes", ""]
    correct(tmp_path / "a.csv", Xyzzy="Gong")
    done = annotate(tmp_path / "names.csv", tmp_path / "a.csv", review_share=0)
    assert [row.review for row in done.rows] == ["", "done", ""]
