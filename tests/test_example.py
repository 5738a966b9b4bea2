import runpy
import shutil
import sys
from pathlib import Path

import pytest
import soundfile

EXAMPLE = Path(__file__).parents[1] / "examples" / "separate_song.py"


def test_example(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copy(song, tmp_path / "song.mp3")
    monkeypatch.setattr(sys, "argv", ["separate_song.py", str(copy)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    out = capsys.readouterr().out
    assert "vocal                          level 1  -19.03 dBFS" in out
    assert float(out.split("account for: ")[1].split()[0]) < 1e-6
    assert soundfile.info(tmp_path / "song vocals.wav").frames == soundfile.info(song).frames
