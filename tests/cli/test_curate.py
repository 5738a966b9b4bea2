import csv
from pathlib import Path

import numpy as np
import soundfile
from support.archives import make_zip, tone

FILES = ("01_Kick.wav", "02_BassDI.wav", "03_LeadVox.wav", "04_Quux.wav")


def test_from_a_listing_to_an_annotation(cli, tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip", {f"Full/{file}": tone() for file in FILES} | {"Full/a.pdf": b"x"})
    make_zip(tmp_path / "evil.zip", {"../evil.wav": tone()})
    (tmp_path / "list.csv").write_text("Pop,Sub,One,Anna,a.zip,\nPop,Sub,Two,Bert,evil.zip,\n")
    outcome = cli("curate", "gather", tmp_path / "list.csv", "-o", tmp_path / "out")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines.pop(0) == "left out: Anna - One: Full/a.pdf"
    assert lines[0].startswith("quarantined: Bert - Two: the archive") and "lies outside its folder" in lines[0]
    assert lines[-1] == f"{tmp_path / 'out'}: 2 songs; 1 unpacked, 1 quarantined"
    outcome = cli("curate", "gather", tmp_path / "list.csv", "-o", tmp_path / "none", "--most-gb", "inf")
    assert (outcome.code, outcome.err) == (1, "stemtree: --most-gb inf is no size: give a number of gigabytes\n")
    songs, annotation = tmp_path / "out" / "songs", tmp_path / "annotation.csv"
    outcome = cli("curate", "annotate", songs, "-o", annotation, "--songs", tmp_path / "songs.csv")
    assert outcome.out == f"{annotation}: 4 files of 1 song; 0 settled by a person, 1 to review\n"
    rows = list(csv.DictReader(annotation.read_text().splitlines()))
    assert [row["label"] for row in rows][:3] == ["Drum_Kick", "Electric_Bass", "Lead_Vocal"]
    assert (tmp_path / "songs.csv").read_text().splitlines()[1] in ("Anna - One,0,0,1", "Anna - One,1,0,1")
    outcome = cli("curate", "annotate", songs, "-o", annotation, "--review-share", 0.5)
    listed = outcome.out.splitlines()[:-1]
    assert len(listed) == 2 and "Anna - One / 04_Quux.wav: " in listed[0]
    assert outcome.out.endswith("0 settled by a person, 2 to review\n")


def test_listening(cli, tmp_path: Path) -> None:
    song, time = tmp_path / "songs" / "Anna - One", np.arange(44100) / 44100
    song.mkdir(parents=True)
    clicks = np.zeros(44100)
    clicks[::11025] = 0.9
    high, low = (np.sin(2 * np.pi * hz * time) / 3 for hz in (3000, 80))
    sounds = {"Kick": clicks, "Bass": high, "Bass 2": low, "LeadVox": 0 * low, "Piano.L": high, "Guitar": -clicks / 2}
    for name, samples in sounds.items():
        soundfile.write(song / f"{name}.wav", samples, 44100)
    annotation, evidence = tmp_path / "annotation.csv", tmp_path / "evidence.csv"
    cli("curate", "annotate", tmp_path / "songs", "-o", annotation)
    outcome = cli("curate", "listen", tmp_path / "songs", "--annotation", annotation, "-o", evidence)
    assert outcome.code == 0
    said = {line.partition(": ")[0].rpartition(" / ")[2]: line for line in outcome.out.splitlines()[:-1]}
    assert "silent" in said.pop("LeadVox.wav")
    assert "high for Electric_Bass" in said.pop("Bass.wav")
    assert "percussive, not Electric_Guitar" in said.pop("Guitar.wav")
    assert "its pair 'Bass.wav' is labelled Electric_Bass" in said.pop("Piano.L.wav")
    assert said == {}
    marked = {row["file"] for row in csv.DictReader(annotation.read_text().splitlines()) if row["review"] == "yes"}
    assert {"LeadVox.wav", "Bass.wav", "Guitar.wav", "Piano.L.wav"} <= marked
    rows = {row["file"]: row for row in csv.DictReader(evidence.read_text().splitlines())}
    assert (rows["Bass 2.wav"]["seconds"], rows["Bass 2.wav"]["channels"]) == ("1.000", "1")
    assert float(rows["Bass 2.wav"]["peak"]) == round(20 * np.log10(1 / 3), 1)
    outcome = cli("curate", "listen", tmp_path, "--annotation", annotation, "-o", evidence)
    assert outcome.code == 1 and "holds none of the files" in outcome.err


def test_check(cli, tmp_path: Path) -> None:
    text = "stems: {S01: {instrument: piano, filename: a.wav, raw: {}}}\n"
    (tmp_path / "Song_METADATA.yaml").write_text(text)
    outcome = cli("curate", "check", tmp_path)
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "stem without raws: stem S01 of 'Song' ('piano') lists no raw tracks",
        "1 song; 1 stem without raws",
    ]


def test_fit(cli, tmp_path: Path, monkeypatch) -> None:
    rows = [
        f"Song {n},{file},{label}" for n in range(4) for file, label in (("Kick.wav", "Drum_Kick"), ("x.wav", "Bell"))
    ]
    labels, weights = tmp_path / "labels.csv", tmp_path / "w.safetensors"
    labels.write_text("song,file,label\n" + "\n".join(rows))
    from stemtree.curation.annotation.classifier import cross_validation
    from stemtree.curation.annotation.classifier.fit import FitSettings

    quick = FitSettings(networks=1, steps=3)
    monkeypatch.setattr(cross_validation.fit_and_measure, "__defaults__", (5, quick, None))
    outcome = cli("curate", "fit", labels, "-o", weights, "--folds", 2)
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines] == ["fold", "1", "2", "all", "shares", "of", f"{weights}:"]
    outcome = cli("curate", "annotate", labels, "-o", tmp_path / "a.csv", "--weights", weights)
    assert outcome.code == 0


def test_bad_input(cli, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    out = tmp_path / "out"
    cases = {
        ("gather", tmp_path / "none.csv"): "cannot read the listing",
        ("gather", tmp_path / "empty.csv"): "names no songs with an archive",
        ("annotate", tmp_path / "none.csv"): "cannot read the table",
        ("annotate", tmp_path / "empty.csv"): "lacks the column 'song'",
        ("annotate", tmp_path): "names no audio files",
        ("fit", tmp_path / "empty.csv"): "lacks the column 'song'",
    }
    for (command, source), said in cases.items():
        outcome = cli("curate", command, source, "-o", out)
        assert outcome.code == 1 and said in outcome.err and len(outcome.err.splitlines()) == 1
    assert not out.exists()
    assert "holds no files called" in cli("curate", "check", tmp_path).err
