from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.multitracks import BAND, RATE, SONG, SONG_ID, build, read_song, write_annotation, write_session

from stemtree.corpora.check import check_corpus
from stemtree.curation.stems.build import build_stems
from stemtree.curation.stems.settings import StemSettings
from stemtree.errors import HierarchyError, OptionError


def test_layout_is_medleydbs_and_our_loader_takes_it(raw: Path) -> None:
    report = build(raw)
    assert (report.made, report.problems, report.notes) == ([SONG], [], [])
    assert sorted(file.name for file in (raw / "MS21" / SONG_ID).iterdir()) == [
        f"{SONG_ID}{ending}" for ending in ("_METADATA.yaml", "_MIX.wav", "_RAW", "_STEMS")
    ]
    corpus = check_corpus(raw / "MS21", "ms21")
    assert corpus.problems == () and corpus.tracks[0].adds_up
    assert [stem.leaf.rpartition("/")[2] for stem in corpus.tracks[0].stems] == [
        "lead_vocal", "backing_vocal", "bass", "drum_set", "nontonal_percussion", "pianos", "electric_guitar",
    ]  # fmt: skip
    data, _ = read_song(raw / "MS21" / SONG_ID)
    assert data["set_aside"] == ["12_RoomMic.wav", "13_KickTrigger.wav"]
    assert (data["Lead_Back_both"], data["Guitar_Both"], data["instrumental"]) == (1, 0, "no")


def test_silent_tracks_and_songs(raw: Path) -> None:
    folder = raw / "raw" / SONG
    soundfile.write(folder / "08_Piano.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "05_BassDI.wav", np.random.default_rng(0).normal(0, 1e-5, RATE), RATE, "PCM_24")
    (note,) = build(raw).notes
    assert note.kind == "silent" and note.message.endswith("05_BassDI.wav, 08_Piano.wav")
    data, _ = read_song(raw / "MS21" / SONG_ID)
    assert data["silent"] == ["05_BassDI.wav", "08_Piano.wav"] and "bass" not in data["musdb_stems"]
    for name in BAND:
        soundfile.write(folder / name, np.zeros(RATE), RATE)
    report = build(raw)
    assert "no track has any signal" in report.problems[0].message
    assert (raw / "MS21" / SONG_ID).exists(), "what was made before is not lost"


def test_tracks_of_unknown_leakage_are_named(raw: Path) -> None:
    """They stay where leaking tracks are left out. Facts are found whatever the spelling of accents."""
    rows = "".join(f"{SONG},{name},0\n" for name in BAND if name != "08_Piano.wav")
    (raw / "bleed.csv").write_text(f"song,file,leaks\n{rows}", "utf-8")
    (raw / "songs.csv").write_text("song,genre\nAna Luz - Ri\u0301o Abajo,Jazz\n", "utf-8")
    tables = {"bleed": raw / "bleed.csv", "songs": raw / "songs.csv"}
    (note,) = build(raw, StemSettings(drop_bleed=True), **tables).notes
    assert note.kind == "not measured" and note.message == (
        f"the table of leakage lacks 1 track of '{SONG}', left in whether or not anything leaks into it: 08_Piano.wav"
    )
    data, _ = read_song(raw / "MS21" / SONG_ID)
    assert data["genre"] == "Jazz"


def test_songs_of_one_id_and_folders_of_others(raw: Path) -> None:
    rows = write_session(raw / "raw", "ANA LUZ - Río... Abajo!", {"01_Bass.wav": "Electric_Bass"}, seed=2)
    write_annotation(raw / "annotation.csv", rows + [(SONG, name, label) for name, label in BAND.items()])
    report = build(raw)
    assert len(report.made) == 1 and [problem.kind for problem in report.problems] == ["duplicate"]
    taken = raw / "foreign" / "ANALUZ_RíoAbajo"
    taken.mkdir(parents=True)
    (taken / "thesis.txt").write_text("precious")
    report = build_stems(raw / "raw", raw / "annotation.csv", raw / "foreign", StemSettings(), workers=1)
    assert any("holds something else" in problem.message for problem in report.problems)
    assert (taken / "thesis.txt").exists()


def test_stems_do_not_go_among_raw_tracks(raw: Path) -> None:
    with pytest.raises(OptionError, match="holds the raw tracks"):
        build_stems(raw / "raw", raw / "annotation.csv", raw / "MS21" / ".." / "raw", StemSettings())


def test_two_stems_of_one_name(raw: Path) -> None:
    twins = raw / "twins.yaml"
    twins.write_text("name: twins\ntree: {guitar: {other: {a: [Piano]}}, keys: {other: {b: [Violin]}}}\n")
    with pytest.raises(HierarchyError, match=r"'.*twins.*' has two nodes 'other' on its second level"):
        build(raw, StemSettings(hierarchy=str(twins)))
