from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from support.multitracks import BAND, RATE, SONG, SONG_ID, build, read_song, write_annotation, write_session

from stemtree.curation.stems.settings import StemSettings


def test_what_is_there_is_left_and_a_corrected_label_redoes_its_song(raw: Path) -> None:
    rows = write_session(raw / "raw", "Other - Song", {"01_Bass.wav": "Electric_Bass", "02_Pno.wav": "Piano"}, seed=2)
    rows += [(SONG, name, label) for name, label in BAND.items()]
    write_annotation(raw / "annotation.csv", rows)
    assert sorted(build(raw).made) == sorted([SONG, "Other - Song"])
    before = {file: file.stat().st_mtime_ns for file in (raw / "MS21" / SONG_ID).rglob("*.wav")}
    assert sorted(build(raw).kept) == sorted([SONG, "Other - Song"])
    set_split(raw / "MS21" / "Other_Song")
    write_annotation(raw / "annotation.csv", [(*row[:2], "Violin" if "Pno" in row[1] else row[2]) for row in rows])
    report = build(raw)
    assert (report.made, report.kept) == (["Other - Song"], [SONG])
    data, _ = read_song(raw / "MS21" / "Other_Song")
    assert [stem["instrument"] for stem in data["stems"].values()] == ["bass", "strings"] and data["split"] == "test"
    assert {file: file.stat().st_mtime_ns for file in (raw / "MS21" / SONG_ID).rglob("*.wav")} == before


def set_split(place: Path) -> None:
    file = place / f"{place.name}_METADATA.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text("utf-8")) | {"split": "test"}), "utf-8")


def test_a_corrected_genre_redoes_the_metadata_alone(raw: Path) -> None:
    songs = raw / "songs.csv"
    songs.write_text("song,artist,title,genre\n" + f"{SONG},Ana Luz,Río Abajo,Pop\n", "utf-8")
    build(raw, songs=songs)
    mixture = (raw / "MS21" / SONG_ID / f"{SONG_ID}_MIX.wav").stat().st_mtime_ns
    songs.write_text(songs.read_text("utf-8").replace("Pop", "Jazz"), "utf-8")
    assert build(raw, songs=songs).described == [SONG]
    data, _ = read_song(raw / "MS21" / SONG_ID)
    assert data["genre"] == "Jazz" and (raw / "MS21" / SONG_ID / f"{SONG_ID}_MIX.wav").stat().st_mtime_ns == mixture


def test_a_run_that_dies_leaves_nothing_half_done(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stemtree.curation.stems.song.write_metadata", die)
        with pytest.raises(KeyboardInterrupt):
            build(raw)
    assert not (raw / "MS21").exists()
    assert build(raw).made == [SONG]
    (raw / "MS21" / SONG_ID / f"{SONG_ID}_MIX.wav").unlink()  # somebody cleaned up too much
    assert build(raw).made == [SONG]


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (lambda file: file.write_bytes(b"no audio"), "stems", "cannot be read as audio"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "stems", "is cut off"),
        (lambda file: soundfile.write(file, np.zeros((99, 32)), RATE), "stems", "has 32 channels: mix it down"),
        (lambda file: soundfile.write(file, np.full(99, np.nan), RATE, "FLOAT"), "stems", "NaN or infinity"),
        (lambda file: file.unlink(), "missing", "holds no file '08_Piano.wav'"),
    ],
)
def test_a_bad_track_spoils_its_song_or_is_left_out(
    raw: Path, spoil: Callable[[Path], None], kind: str, said: str
) -> None:
    spoil(raw / "raw" / SONG / "08_Piano.wav")
    report = build(raw)
    assert report.made == [] and not (raw / "MS21" / SONG_ID).exists()
    assert [problem.kind for problem in report.problems] == [kind] and said in report.problems[0].message
    report = build(raw, StemSettings(skip_bad=True))
    assert report.made == [SONG]
    data, _ = read_song(raw / "MS21" / SONG_ID)
    assert "pianos" not in [stem["instrument"] for stem in data["stems"].values()]
    assert len(data["left_out"]) == 1 and said in data["left_out"][0]
    again = build(raw, StemSettings(skip_bad=True))
    assert again.kept == [SONG]
    for told in (report, again):
        assert [problem.message for problem in (*told.problems, *told.notes) if said in problem.message] != []


def test_labels_of_one_leaf_are_described_again_without_mixing(raw: Path) -> None:
    build(raw)
    before = (raw / "MS21" / SONG_ID / f"{SONG_ID}_MIX.wav").stat().st_mtime_ns
    text = (raw / "annotation.csv").read_text("utf-8")
    assert "Electric_Bass" in text and "Ambient_Microphone" in text
    (raw / "annotation.csv").write_text(text.replace("Electric_Bass", "Synth_Bass"), "utf-8")
    assert build(raw).described == [SONG]
    data, _ = read_song(raw / "MS21" / SONG_ID)
    labels = {track["instrument"] for stem in data["stems"].values() for track in stem["raw"].values()}
    assert "Synth_Bass" in labels and "Electric_Bass" not in labels
    assert (raw / "MS21" / SONG_ID / f"{SONG_ID}_MIX.wav").stat().st_mtime_ns == before
    assert build(raw).kept == [SONG]
