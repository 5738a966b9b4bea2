"""The recipe ``recipes/query_model/make.py`` in small."""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from stemtree.experiments.tiny import make_tiny_corpora
from stemtree.model import Model, load_model, make_model

RECIPE = Path(__file__).parents[2] / "recipes" / "query_model" / "make.py"


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_query_model_recipe", RECIPE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(RECIPE.parent)  # as for a script
    monkeypatch.delitem(sys.modules, "corpora", raising=False)
    monkeypatch.setitem(sys.modules, spec.name, module)  # for its data classes
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("corpora", None)


def corpora(recipe: ModuleType, folder: Path, run, given: Path | None, instruments: Path | None = None):
    size = recipe.SIZES["tiny"]
    return recipe.Corpora(folder, folder / "out" / "data", given, instruments, folder, folder, size, run)


def test_from_corpora_to_a_model_with_its_threshold(
    cli, recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemtree.experiments.tiny.SONGS", {"train": 2, "validation": 2, "test": 2})
    make_tiny_corpora(tmp_path / "tiny")
    for name in ("doubled", "queries", "openmsx"):
        (tmp_path / name).symlink_to(tmp_path / "tiny" / "songs", target_is_directory=True)

    def run(*words: object) -> None:
        outcome = cli(*words)
        assert outcome.code == 0, outcome.err

    there = corpora(recipe, tmp_path, run, tmp_path)
    there.render()  # nothing: all is there
    made = recipe.Recipe(there, tmp_path / "out", epochs=1, note="It is a try.")
    assert not made.out.exists()
    folder = made.publish(made.train())
    model = load_model(folder)
    assert model.takes_query and model.card.present_db is not None and model.card.present_db < 0
    assert model.card.training["targets"] == ["bass/bass/electric_basses", "percussion/percussion/drums"]
    assert "Freedoom" in model.card.licences["songs"] and "Simutrans" in model.card.licences["songs"]
    assert model.card.metrics.keys() == {"openmsx"} and set(model.card.metrics["openmsx"]) == set(model.card.nodes)
    assert set(model.card.training["leaves_found"]) == {"validation", "openmsx"}
    assert model.card.training["note"] == "It is a try."
    page = (folder / "README.md").read_text()
    assert "stemtree query song.wav --like" in page and "\n\nIt is a try.\n" in page


def test_what_is_rendered(recipe: ModuleType, tmp_path: Path) -> None:
    """Held-out songs are not learned from, the test's soundfont is in no other corpus, missing sounds are left out."""
    said: list[tuple[object, ...]] = []

    def run(*words: object) -> None:
        said.append(words)
        Path(str(words[words.index("-o") + 1])).mkdir(parents=True)

    for name in ("d_e1m1.mid", "d_dummy.mid", *(RECIPE.parents[1] / "freedoom_held_out.txt").read_text().split()[:1]):
        (tmp_path / name).touch()
    (tmp_path / "sf2").mkdir()
    (tmp_path / "sf2" / "FluidR3_GM.sf2").touch()
    (tmp_path / "sfz" / "alto_sax").mkdir(parents=True)
    (tmp_path / "sfz" / "alto_sax" / "alto_sax.sfz").write_text("<region> sample=a.wav\n")
    (tmp_path / "sfz" / "alto_sax" / "a.wav").touch()
    corpora(recipe, tmp_path, run, None, tmp_path / "sfz").render()
    by_corpus = {Path(str(words[words.index("-o") + 1])).name: [*map(str, words)] for words in said}
    assert list(by_corpus) == ["midi", "doubled", "bands", "mixed", "queries", "openmsx"]
    learned, held = by_corpus["doubled"], by_corpus["queries"]
    held_out = [word for word in held if word.endswith(".mid")]
    assert len(held_out) == 1 and not set(held_out) & set(learned)
    assert f"Alto Sax={tmp_path / 'sfz' / 'alto_sax' / 'alto_sax.sfz'}" in learned
    assert next(word for word in by_corpus["openmsx"] if word.endswith("sf2")).endswith("TimGM6mb.sf2")
    assert not any("TimGM6mb" in word for name in ("doubled", "bands", "mixed", "queries") for word in by_corpus[name])


def test_the_default_model_lends_what_is_alike(recipe: ModuleType) -> None:
    settings = recipe.read_settings(["query"])
    card = recipe.make_card(
        settings,
        recipe.training_targets(settings, recipe.load("slakh")),
        recipe.Corpus(Path(), "slakh", "slakh", ()),
    )
    model, default = make_model(card), load_model(recipe.DEFAULT_MODEL)
    own = model.network.state_dict()["share.0.weight"].clone()
    count = recipe.borrow_weights(model, default)
    lent, now = default.network.state_dict(), model.network.state_dict()
    for name in ("fold.1.weight", "down.2.0.weight", "stem.1.running_mean", "norm.weight"):
        torch.testing.assert_close(now[f"divide.{name}"], lent[name])
    for name in ("recurrence.lstm.weight_hh_l0", "unfold.0.weight"):
        torch.testing.assert_close(now[f"divide.{name}"], lent[name])
    assert torch.equal(now["share.0.weight"], own) and count > 60
    assert isinstance(replace(model, card=card), Model)
