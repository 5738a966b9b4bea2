import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.extras import library
from stemtree.separation.splitters.external_packages import PACKAGES

ROOT = Path(__file__).parents[1]
OPTIONAL = (
    "bs4", "demucs", "fluidsynth", "librosa", "lightning_utilities", "matplotlib", "moises_light", "openunmix",
    "pedalboard", "polars", "pretty_midi", "py7zr", "pyloudnorm", "pymss_core", "pytorch_lightning",
    "pytorch_optimizer", "rarfile", "requests", "scipy", "sklearn", "soxr", "tensorboard",
)  # fmt: skip


def test_a_package_that_is_there() -> None:
    assert library("json", "train", "training needs").loads("1") == 1


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(OptionError) as error:
        library("librosa.no_such_module", "train", "matching needs", ", or leave it out")
    assert str(error.value) == "matching needs librosa: `pip install 'stemtree[train]'`, or leave it out"


@pytest.mark.parametrize("room", ["data", "evaluation", "experiments"])
def test_what_makes_tables_says_what_it_needs(room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.delitem(sys.modules, f"stemtree.{room}", raising=False)
    with pytest.raises(OptionError, match=r"need polars: `pip install 'stemtree\[evaluate\]'`"):
        import_module(f"stemtree.{room}")


def test_separating_needs_no_optional_package(wav: Path, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL!r})); from stemtree.cli import main; "
        f"sys.argv = ['stemtree', 'separate', {str(wav)!r}, '-o', {str(tmp_path / 'out')!r}]; main()"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "song" / "accompaniment" / "bass.wav").exists()


def test_the_extras_that_messages_name_bring_what_is_missing() -> None:
    """Every ``library`` call and every ``pip install 'stemtree[...]'``, against ``pyproject.toml``."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brought = {extra: {_project(one) for one in requirements} for extra, requirements in groups.items()}
    projects = packages_distributions()
    asked = []
    for file in sorted((ROOT / "src").rglob("*.py")):
        text = file.read_text()
        for names in re.findall(r"pip install 'stemtree\[([a-z,]+)\]'", text):
            assert set(names.split(",")) <= brought.keys(), f"{file.name} names an extra of {names}, which is none"
        for module, extra in re.findall(r'library\("([\w.]+)", "(\w+)"', text):
            asked.append((file.name, module.partition(".")[0], extra))
    assert len(asked) >= 10
    assert PACKAGES.keys() <= brought["separators"]  # `pip install` with the name alone
    for name, package, extra in asked:
        own = {_project(one) for one in projects.get(package, (package,))}
        assert own & brought[extra], f"{name} says that {extra} brings {package}: it brings {sorted(brought[extra])}"


def _project(requirement: str) -> str:
    """The normalised name of the project that a requirement asks for."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
