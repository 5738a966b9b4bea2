import json
import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from stemtree.separation.result import TreeResult

EXAMPLES = Path(__file__).parents[1] / "examples"
EXAMPLE, NOTEBOOK = EXAMPLES / "separate_song.py", EXAMPLES / "first_steps.ipynb"


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


def test_notebook(excerpt: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells, one after the other; it holds no outputs."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.mp3", excerpt[:, :44100].T, 44100)
    played = []
    player = SimpleNamespace(Audio=lambda samples, rate: played.append((samples.shape, rate)))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=player))
    monkeypatch.setitem(sys.modules, "IPython.display", player)
    names: dict[str, object] = {}
    for number, cell in enumerate(json.loads(NOTEBOOK.read_text("utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    result, some = names["result"], names["some"]
    assert isinstance(result, TreeResult) and isinstance(some, TreeResult)
    assert played == [(result.root.audio.shape, 44100)] * 2
    assert np.abs(names["remainder"]).max() < 1e-6
    assert (tmp_path / "notebook" / f"{names['drums'].path}.flac").exists()
    assert some.keys() == ("vocal", "accompaniment/bass")
