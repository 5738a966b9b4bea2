"""The recipe ``recipes/drum_pieces/render.py``."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "recipes" / "drum_pieces" / "render.py"


@pytest.fixture
def recipe() -> ModuleType:
    for package in ("fluidsynth", "pysfizz", "mido"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("drum_pieces_recipe", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("what", [{"kind": "samples", "folder": "kit"}, {"kind": "soundfont", "file": "kit.sf2"}])
def test_a_kit_without_sounds_is_named(recipe: ModuleType, what: dict[str, str], tmp_path: Path) -> None:
    kit = {"name": "mine"} | what
    with pytest.raises(SystemExit, match=r"the kit 'mine' has no sounds at '.*kit.*': put them there, see kits\.yaml"):
        recipe.check_kit(kit, tmp_path)


def test_nothing_is_rendered_where_kits_are_missing(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "groove").mkdir()
    (tmp_path / "groove" / "info.csv").write_text("beat_type,duration,split,midi_filename\nbeat,9,train,a.mid\n")
    places = (tmp_path / "groove", tmp_path / "sounds", tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["render.py", *map(str, places), "--songs", "40", "--validation", "0"])
    with pytest.raises(SystemExit, match="has no sounds at"):
        recipe.main()
    assert not (tmp_path / "out").exists()
