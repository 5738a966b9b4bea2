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
from stemtree.masks.presence import component_loudness
from stemtree.model import Model, load_model, make_model
from stemtree.networks.component_query import ComponentQuerySettings

RECIPE = Path(__file__).parents[2] / "recipes" / "query_model" / "make.py"

BESIDE = ("corpora", "hear", "learn")
"""Modules beside the recipe."""


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_query_model_recipe", RECIPE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(RECIPE.parent)  # as for a script
    for name in BESIDE:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, spec.name, module)  # for its data classes
    spec.loader.exec_module(module)
    yield module
    for name in BESIDE:
        sys.modules.pop(name, None)


def corpora(recipe: ModuleType, folder: Path, run, given: Path | None, instruments: Path | None = None):
    size = recipe.SIZES["tiny"]
    return recipe.Corpora(folder, folder / "out" / "data", given, instruments, folder, folder, size, run)


def test_from_corpora_to_a_model(cli, recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemtree.experiments.tiny.SONGS", {"train": 2, "validation": 2, "test": 2})
    make_tiny_corpora(tmp_path / "tiny")
    for name in ("own", "redrawn", "openmsx"):
        (tmp_path / name).symlink_to(tmp_path / "tiny" / "songs", target_is_directory=True)

    def run(*words: object) -> None:
        outcome = cli(*words)
        assert outcome.code == 0, outcome.err

    there = corpora(recipe, tmp_path, run, tmp_path)
    there.render()  # nothing: all is there
    made = recipe.Recipe(there, tmp_path / "out", songs=9, note="It is a try.")
    assert not made.out.exists()
    folder = made.publish(made.learn())
    assert {file.stem for file in (made.out / "heard").iterdir()} == {"own", "redrawn"}
    model = load_model(folder)
    assert model.takes_query and model.card.network.knows_classes and model.card.present_db is None
    assert model.card.training["targets"] == ["bass/bass/electric_basses", "percussion/percussion/drums"]
    assert model.card.training["heard"] == {"own": 2, "redrawn": 2}
    lent = load_model(made.out / "start").card.licences["sounds"]
    assert lent and lent.items() <= model.card.licences["sounds"].items()
    assert "Freedoom" in model.card.licences["songs"] and "Simutrans" in model.card.licences["songs"]
    assert model.card.metrics.keys() == {"openmsx"} and set(model.card.metrics["openmsx"]) == set(model.card.nodes)
    assert set(model.card.training["leaves_found"]) == {"openmsx"}
    assert model.card.training["note"] == "It is a try."
    page = (folder / "README.md").read_text()
    assert "stemtree query song.wav --like" in page and "\n\nIt is a try.\n" in page


def test_corpora_that_tell_too_little(recipe: ModuleType, tmp_path: Path) -> None:
    make_tiny_corpora(tmp_path / "tiny")
    (tmp_path / "real").symlink_to(tmp_path / "tiny" / "songs", target_is_directory=True)
    there = corpora(recipe, tmp_path, print, tmp_path)
    with pytest.raises(SystemExit, match="needs own and one of redrawn, real, again"):
        recipe.Recipe(there, tmp_path / "out", songs=1).learn()


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
    assert list(by_corpus) == ["own", "redrawn", "openmsx"]
    learned = by_corpus["own"]
    assert [Path(word).name for word in learned if word.endswith(".mid")] == ["d_dummy.mid", "d_e1m1.mid"]
    assert f"Alto Sax={tmp_path / 'sfz' / 'alto_sax' / 'alto_sax.sfz'}" in learned
    assert next(word for word in by_corpus["openmsx"] if word.endswith("sf2")).endswith("TimGM6mb.sf2")
    assert not any("TimGM6mb" in word for name in ("own", "redrawn") for word in by_corpus[name])


def test_the_default_model_lends_what_is_alike(recipe: ModuleType) -> None:
    settings = recipe.read_settings(["query"])
    card = recipe.make_card(
        settings,
        recipe.training_targets(settings, recipe.load("slakh")),
        recipe.Corpus(Path(), "slakh", "slakh", ()),
    )
    model, default = make_model(card), load_model(recipe.DEFAULT_MODEL)
    own = model.network.state_dict()["recognise.weight"].clone()
    count = recipe.borrow_weights(model, default)
    lent, now = default.network.state_dict(), model.network.state_dict()
    for name in ("fold.1.weight", "down.2.0.weight", "stem.1.running_mean", "norm.weight"):
        torch.testing.assert_close(now[f"divide.{name}"], lent[name])
    for name in ("recurrence.lstm.weight_hh_l0", "unfold.0.weight"):
        torch.testing.assert_close(now[f"divide.{name}"], lent[name])
    assert torch.equal(now["recognise.weight"], own) and count > 60
    assert isinstance(replace(model, card=card), Model)


def heard_of(recipe: ModuleType, components: torch.Tensor):
    """Songs of three components, of which kind 0 is the first and kind 1 the second; the third is of both families.

    ``(song, component, sample)``.
    """
    songs, mixture = len(components), components.sum(dim=1)
    answer = torch.cartesian_prod(torch.arange(songs), torch.arange(2))
    total = mixture.square().sum(dim=1)[answer[:, 0]]
    classes = components[:, :2]
    parts = torch.stack([classes, classes + components[:, 2:], mixture[:, None].expand(-1, 2, -1)], dim=2).flatten(0, 1)
    mine, whole = components[answer[:, 0]], mixture[answer[:, 0]]
    sounds = torch.eye(2)[answer[:, 1]] + 0.1 * torch.rand(2 * songs, 2, generator=torch.Generator().manual_seed(2))
    return sys.modules["hear"].Heard(
        gram=components @ components.mT / mixture.square().sum(dim=1)[:, None, None],
        energy=mixture.square().sum(dim=1),
        title=torch.arange(songs),
        there=torch.tensor([[1, 0], [0, 1]]).repeat(songs // 2, 1),
        answer=answer,
        cross=parts @ mine.mT / total[:, None, None],
        of_mixture=(parts * whole[:, None]).sum(dim=2) / total[:, None],
        power=parts.square().sum(dim=2) / total[:, None],
        example=answer,
        sound=sounds,
    )


@pytest.fixture
def songs() -> torch.Tensor:
    """In even songs the first component is loud, in odd ones the second."""
    components = torch.randn(24, 3, 500, generator=torch.Generator().manual_seed(0))
    components[0::2, 1] *= 0.01
    components[1::2, 0] *= 0.01
    return components


def si_sdr(estimate: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    projected = (estimate @ part) / (part @ part) * part
    ratio = projected.square().sum() / (estimate - projected).square().sum()
    return 10 * ratio.clamp(1e-6, 1e6).log10()


def test_ratios_follow_from_products(recipe: ModuleType, songs: torch.Tensor) -> None:
    heard = heard_of(recipe, songs)
    shares = torch.rand(48, 3, 3, generator=torch.Generator().manual_seed(1))
    gained = sys.modules["learn"].si_sdr_improvement(shares, heard, torch.arange(48))
    for answer in (0, 5, 46):
        song, kind = answer // 2, answer % 2
        mixture = songs[song].sum(dim=0)
        for level, part in enumerate((songs[song, kind], songs[song, kind] + songs[song, 2])):
            wanted = si_sdr(shares[answer, level] @ songs[song], part) - si_sdr(mixture, part)
            torch.testing.assert_close(gained[answer, level], wanted, atol=0.02, rtol=1e-3)


def test_what_is_learned(recipe: ModuleType, songs: torch.Tensor) -> None:
    """Each class owns its component, its family the third too; the loudest component tells what is there."""
    sizes = {"widths": (4, 8), "squeeze": 1, "units": 4, "components": 3, "classes": 2, "named": True}
    network = ComponentQuerySettings(**sizes).build(9, 1, 4)
    network.recognise = torch.nn.Linear(2, 2)  # the sounds of these examples have two values
    heard = heard_of(recipe, songs)
    parts = ("level_3/level_2/level_1", "rest", "level_3/level_2/rest", "level_3/rest")
    sys.modules["learn"].learn(network, heard, heard_of(recipe, songs.flip(2)), parts)
    assert network.recognise(heard.sound).argmax(dim=1).tolist() == heard.example[:, 1].tolist()
    instrument, _, family, _ = network.shares(torch.eye(2)).unbind(dim=1)
    assert instrument.argmax(dim=1).tolist() == [0, 1] and instrument.amax(dim=1).min() > 0.8
    assert family[:, 2].min() > 0.5
    for song, there in enumerate(heard.there):
        odds = network.evidence(component_loudness(heard.gram[song].diagonal())[None])
        assert odds is not None and ((odds > 0) == (there > 0)).all()
