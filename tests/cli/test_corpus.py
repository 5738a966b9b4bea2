import os
from collections.abc import Callable
from pathlib import Path

import pretty_midi
from support.midi import needs_fluidsynth


def test_check(cli, slakh: Path) -> None:
    outcome = cli("corpus", "check", slakh, "--kind", "slakh")
    assert (outcome.code, outcome.out) == (0, "3 songs can be read; no problems\n")
    (slakh / "train" / "Track00001" / "stems" / "S00.wav").unlink()
    (slakh / "test" / "Track02000" / "stems" / "S01.wav").write_bytes(b"")
    outcome = cli("corpus", "check", slakh, "--kind", "slakh")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1] == "1 song can be read; problems: 1 unreadable, 1 missing"
    assert len(outcome.out.splitlines()) == 3
    outcome = cli("corpus", "check", slakh, "--kind", "slack")
    assert outcome.code == 1 and "did you mean slakh" in outcome.err


def test_info(cli, slakh: Path) -> None:
    outcome = cli("corpus", "info", slakh, "--kind", "slakh", "--hierarchy", "ms21")
    assert outcome.code == 0
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in outcome.out.splitlines() if "│" in line]
    assert ["train", "2", "0.00", "1.5"] in cells
    assert ["accompaniment/other/electric_guitar", "2", "2", "0.00"] in cells


def test_a_label_map(cli, tmp_path: Path, corpora: Callable[[str], Path]) -> None:
    root = corpora("folder")
    drums = next(root.glob("**/Drums.wav"))
    drums.rename(drums.with_name("Batterie 2.wav"))
    assert "no leaf for the label 'Batterie 2' or 'Batterie'" in cli("corpus", "check", root, "--kind", "folder").out
    labels = tmp_path / "labels.yaml"
    labels.write_text("batterie: accompaniment/percussion/drum_set\npiano: accompaniment/other/strings\n")
    assert cli("corpus", "check", root, "--kind", "folder", "--labels", labels).code == 0
    table = cli("corpus", "info", root, "--kind", "folder", "--labels", labels).out
    assert "drum_set" in table and "strings" in table and "pianos" not in table


def test_index_command(cli, slakh: Path) -> None:
    arguments = ("corpus", "index", slakh, "--kind", "slakh", "--duration", 1, "--hop", 0.5)
    file = slakh / "salience-slakh.parquet"
    assert cli(*arguments).out == f"{file}: 3 songs, 23 nodes in them, inner ones too; 0 problems\n"
    (slakh / "test" / "Track02000" / "metadata.yaml").unlink()
    assert "metadata" in cli(*arguments).err
    outcome = cli(*arguments, "--skip-bad")
    assert (outcome.code, outcome.out) == (0, f"{file}: 2 songs, 14 nodes in them, inner ones too; 1 problem\n")


def test_a_folder_whose_name_is_not_utf8(slakh: Path, cli) -> None:
    place = slakh / "train" / "Track00001"
    place.rename(os.fsdecode(os.fsencode(place) + b"\xff"))
    outcome = cli("corpus", "check", slakh, "--kind", "slakh")
    assert (outcome.code in (0, 1) and "3 songs can be read" in outcome.out) or "UnicodeEncodeError" not in outcome.out


@needs_fluidsynth
def test_render_then_look_at_it(cli, tmp_path: Path) -> None:
    song = pretty_midi.PrettyMIDI()
    for program in (0, 33):
        part = pretty_midi.Instrument(program)
        part.notes.append(pretty_midi.Note(90, 50, 0, 2))
        song.instruments.append(part)
    song.write(str(tmp_path / "a.mid"))
    (tmp_path / "b.mid").write_text("no MIDI")
    options = ("-o", tmp_path / "corpus", "--rate", 16000, "--mono", "--workers", 1)
    outcome = cli("corpus", "render", tmp_path / "a.mid", tmp_path / "b.mid", *options, "--skip-bad")
    assert outcome.code == 1
    assert outcome.out == f"{tmp_path / 'corpus'}: 1 song, 1 left out\n"
    assert "b.mid' is not a whole MIDI file" in outcome.err and outcome.err.count("\n") == 1
    for wrong in ((), (tmp_path / "a.mid", "--compose", 1)):
        assert "give MIDI files, or --compose N" in cli("corpus", "render", *wrong, *options).err
    checked = cli("corpus", "check", tmp_path / "corpus", "--kind", "slakh")
    assert checked.out == "1 song can be read; no problems\n"
