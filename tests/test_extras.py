import subprocess
import sys
from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.extras import library

OPTIONAL = (
    "bs4", "demucs", "fluidsynth", "librosa", "lightning_utilities", "matplotlib", "moises_light", "openunmix",
    "pedalboard", "pretty_midi", "py7zr", "pyloudnorm", "pymss_core", "pytorch_lightning", "pytorch_optimizer",
    "rarfile", "requests", "scipy", "sklearn", "soxr", "tensorboard",
)  # fmt: skip


def test_a_package_that_is_there() -> None:
    assert library("json", "train", "training needs").loads("1") == 1


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(OptionError) as error:
        library("librosa.no_such_module", "train", "matching needs", ", or leave it out")
    assert str(error.value) == "matching needs librosa: `pip install 'stemtree[train]'`, or leave it out"


def test_separating_needs_no_optional_package(wav: Path, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL!r})); from stemtree.cli import main; "
        f"sys.argv = ['stemtree', 'separate', {str(wav)!r}, '-o', {str(tmp_path / 'out')!r}]; main()"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "song" / "accompaniment" / "bass.wav").exists()
