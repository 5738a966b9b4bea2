from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemtree.curation.annotation.evidence import Evidence
from stemtree.curation.annotation.listen import doubts_about, listen
from stemtree.errors import OptionError


def test_listening_finds_what_the_making_of_stems_finds(tmp_path: Path) -> None:
    (tmp_path / "raw" / " s" / "Takes").mkdir(parents=True)
    soundfile.write(tmp_path / "raw" / " s" / "Takes" / "1.wav", np.ones(800) / 2, 8000)
    (tmp_path / "a.csv").write_text("song,file,label\ns,1.wav,Bell\ns,1.wav,Bell\n")
    heard = listen(tmp_path / "raw", tmp_path / "a.csv", tmp_path / "evidence.csv")
    assert [one.seconds for one in heard] == [0.1, 0.1]
    with pytest.raises(OptionError, match=r"a\.csv' is the annotation: write what is heard into another file"):
        listen(tmp_path / "raw", tmp_path / "a.csv", tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("label", "measurements", "doubt"),
    [
        ("Drum_Snare", {"percussive": 0.01}, "steady tones, not Drum_Snare"),
        ("Gong", {"percussive": 0.01}, ""),
        ("Flute", {"percussive": 0.6}, "percussive, not Flute"),
        ("Bell", {"percussive": 0.6}, ""),
        ("Synth_Bass", {"low": 500.0}, "high for Synth_Bass"),
        ("Shaker", {"percussive": 0.9, "high": 1000.0}, "low for Shaker"),
        ("Piano", {"peak": -70.0}, "silent: its peak is -70 dBFS"),
        ("Unused", {"peak": -70.0}, ""),
    ],
)
def test_doubts(label: str, measurements: dict[str, float], doubt: str) -> None:
    evidence = Evidence("s", "1.wav", **{"channels": 1, "peak": -6.0, "high": 8000.0, **measurements})  # type: ignore[arg-type]
    found = doubts_about(evidence, label)
    assert len(found) == bool(doubt) and all(one.startswith(doubt) for one in found)


def test_pairs_and_copies_with_other_labels(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    random = np.random.default_rng(0)
    left, right, other = random.normal(0, 0.1, (3, 8000))
    for name, samples in {"Gtr L": left, "Gtr R": right, "Solo": other, "Solo2": other}.items():
        soundfile.write(tmp_path / "s" / f"{name}.wav", samples, 8000)
    rows = ["Gtr L.wav,Fiddle", "Gtr R.wav,Fiddle", "Solo.wav,Viola", "Solo2.wav,Cello"]
    (tmp_path / "a.csv").write_text("song,file,label\n" + "".join(f"s,{row}\n" for row in rows))
    found = {one.file: one for one in listen(tmp_path, tmp_path / "a.csv", tmp_path / "e.csv")}
    assert [one.pair for one in found.values()] == ["Gtr R.wav", "Gtr L.wav", "", "Solo.wav"]
    assert "its pair 'Solo.wav' is labelled Viola" in found["Solo2.wav"].doubts
