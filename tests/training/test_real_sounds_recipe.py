"""The recipe ``recipes/real_sounds/make.py`` in small, with two notes for sounds."""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import torch
import yaml

from stemtree.corpora.load import load_corpus
from stemtree.hierarchy import load
from stemtree.model import load_model

pytest.importorskip("pysfizz")
pretty_midi = pytest.importorskip("pretty_midi")

RECIPE = Path(__file__).parents[2] / "recipes" / "real_sounds" / "make.py"


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_real_sounds_recipe", RECIPE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(RECIPE.parent)  # as for a script
    for name in ("report", "stems"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, spec.name, module)  # for its data classes
    spec.loader.exec_module(module)
    yield module
    for name in ("report", "stems"):
        sys.modules.pop(name, None)


def write_song(file: Path) -> None:
    song = pretty_midi.PrettyMIDI(initial_tempo=120)
    for program, pitch in ((33, 36), (27, 55), (0, 64)):
        part = pretty_midi.Instrument(program)
        part.notes = [pretty_midi.Note(90, pitch + beat % 5, beat / 2, beat / 2 + 0.4) for beat in range(16)]
        song.instruments.append(part)
    file.parent.mkdir(parents=True, exist_ok=True)
    song.write(str(file))


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Clones of three instruments and a recorded stem, and a song of each kind."""
    held_out = (RECIPE.parents[1] / "freedoom_held_out.txt").read_text().split()[0]
    for name in ("d_one.mid", held_out):
        write_song(tmp_path / "notes" / name)
    time = np.arange(44100) / 44100
    places = ("clones/someone+low", "clones/high", "clones/someone+kept", "synths/keys_00", "synths/keys_01")
    for place, harmonics in zip(places, (2, 9, 5, 3, 4), strict=True):
        tone = sum(np.sin(2 * np.pi * 261.6 * number * time) / number for number in range(1, 1 + harmonics))
        folder = tmp_path / place
        name = folder.name
        (folder / "Samples").mkdir(parents=True)
        soundfile.write(folder / "Samples" / "C4.wav", 0.3 * tone, 44100)
        (folder / f"{name.rpartition('+')[2]}.sfz").write_text(
            "<control> default_path=$where/ set_cc7=100\n<region> sample=C4.wav pitch_keycenter=60\n"
            if "kept" in name
            else "<region> sample=Samples/C4.wav pitch_keycenter=60\n"
        )
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * 44100)
    noise[: 2 * 44100] = 0
    soundfile.write(tmp_path / "clones" / "high" / "guitar.wav", noise, 44100)
    sounds = {
        "low": {"sfz": "low/low.sfz", "plays": ["bass"], "licence": "CC0"},
        "high": {"sfz": "high/high.sfz", "plays": ["electric_guitar", "pianos"], "licence": "MIT"},
        "kept": {"sfz": "kept/kept.sfz", "plays": ["bass", "pianos"], "licence": "CC0", "split": "validation",
                 "define": {"where": "Samples"}, "set_cc": {7: 90}},
        "gone": {"sfz": "gone/a.sfz", "plays": ["bass"], "licence": "CC0"},
    }  # fmt: skip
    stems = {
        "mine": {"files": "high/*.wav", "named": "guit", "leaf": "electric_guitar", "licence": "CC0", "most": 1},
        "none": {"files": str(tmp_path / "no" / "*.wav"), "leaf": "bass", "licence": "CC0"},
    }
    synths = {
        "drawn": {"files": "keys_00/*.sfz", "plays": ["pianos"], "licence": "MIT"},
        "drawn and kept": {"files": "keys_01/*.sfz", "plays": ["pianos"], "licence": "MIT", "split": "validation"},
    }
    fonts = {"absent": {"file": "absent.sf2", "licence": "MIT"}}
    plan = {"sounds": sounds, "instruments": {}, "fonts": fonts, "stems": stems, "songs": {"mine": "CC0"}}
    plan["synths"] = synths
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    return {
        "clones": tmp_path / "clones", "freedoom": tmp_path / "notes", "out": tmp_path / "out",
        "synths": tmp_path / "synths",
        "sounds": tmp_path, "plan": tmp_path / "plan.yaml",
    }  # fmt: skip


def test_corpora_of_real_sounds(
    cli, recipe: ModuleType, sources: dict[str, Path], capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, printed = [], ""

    def run(*words: object) -> None:
        nonlocal printed
        said.append([str(word) for word in words])
        printed += capsys.readouterr().out
        if "compose" in words:  # in place of MMA
            write_song(Path(str(words[words.index("-o") + 1])) / "song_00000.mid")
            return
        words = tuple(word for word in words if word not in ("--redraw", "--double"))
        outcome = cli(*words)
        assert outcome.code == 0, outcome.err

    def here(render, takes, workers, **_):  # instead of in processes, each of which takes seconds to start
        return ((take, render(take)) for take in takes)

    monkeypatch.setattr("stemtree.rendering.render.map_tracks", here)
    size = replace(recipe.SIZES["tiny"], excerpt=1, held_excerpt=1)
    made = recipe.Recipe(**sources, instruments=None, size=size, workers=1, run=run)
    made.corpora()
    out, ms21 = sources["out"], load("ms21")
    printed += capsys.readouterr().out
    for left_out in ("gone/a.sfz", "absent.sf2", "no/*.wav"):
        assert left_out in printed
    for name in ("own", "real", "bands"):
        (track,) = load_corpus(out / "data" / name, "slakh", ms21).tracks
        assert track.split == "train" and track.sample_rate == 44100
        assert not any("kept" in stem.label for stem in track.stems)
    for words in said:
        learns = any("someone+low" in word for word in words)
        assert not (learns and any("kept.sfz" in word or "keys_01" in word for word in words))
    for name, its, others in (("synths", "keys_00", "keys_01"), ("unheard_synths", "keys_01", "keys_00")):
        (words,) = [words for words in said if str(out / "data" / name) in words]
        assert any(its in word for word in words) and not any(others in word for word in words)
        (track,) = load_corpus(out / "data" / name, "slakh", ms21).tracks
        assert track.split == ("train" if name == "synths" else "validation")
    assert "set_cc7=90" in (out / "sfz" / "kept.sfz").read_text()
    for name in ("unheard", "unheard_clean"):
        (track,) = load_corpus(out / "data" / name, "slakh", ms21).tracks
        assert track.split == "validation" and {stem.leaf for stem in track.stems} == {
            "accompaniment/bass", "accompaniment/other/pianos",
        }  # fmt: skip
    (mixed,) = load_corpus(out / "data" / "stems", "folder", ms21).tracks
    guitars = [stem for stem in mixed.stems if stem.leaf == "accompaniment/other/electric_guitar"]
    assert [stem.name for stem in guitars] == ["90_electric_guitar"] and len(mixed.stems) == 3
    assert soundfile.read(guitars[0].file.path)[0].std() > 0.01
    licences = yaml.safe_load((out / "licences.yaml").read_text())
    assert licences["sounds"].keys() >= {"low", "high", "absent", "mine", "none", "FluidR3_GM", "drawn"}
    assert not {"kept", "drawn and kept"} & licences["sounds"].keys()
    assert licences["songs"].keys() >= {"mine", "Simutrans"}
    hours = yaml.safe_load((out / "hours.yaml").read_text())
    assert hours["bass"].keys() == {"CC0"} and hours["electric_guitar"].keys() == {"MIT", "recorded stems"}
    assert "| leaf | CC0 | MIT | recorded stems |" in printed


def test_sounds_that_were_not_drawn(recipe: ModuleType, sources: dict[str, Path], tmp_path: Path) -> None:
    said: list[tuple[object, ...]] = []
    size = recipe.SIZES["tiny"]
    empty = sources | {"synths": tmp_path / "empty"}
    made = recipe.Recipe(**empty, instruments=None, size=size, workers=1, run=lambda *words: said.append(words))
    with pytest.raises(SystemExit, match=r"there are no '.*empty/keys_00/\*.sfz': run synthesisers.py first"):
        made.corpora()
    assert said == []


def test_the_model_that_training_begins_with(recipe: ModuleType, tmp_path: Path) -> None:
    recipe.start(tmp_path, recipe.DEFAULT_MODEL)
    shipped, begun = load_model(recipe.DEFAULT_MODEL), load_model(tmp_path / "start")
    before, after = shipped.network.state_dict(), begun.network.state_dict()
    temperature, priors = (shipped.card.training[key] for key in ("temperature", "priors"))
    nodes = shipped.relation.partition.part_nodes
    for name, weights in before.items():
        expected = weights.to(after[name].dtype).clone()
        if name.startswith("unfold.") and name.endswith(".bias"):
            expected = (expected.view(len(nodes), -1) - torch.tensor([[priors.get(node, 0)] for node in nodes])).view(
                -1
            )
        factor = temperature if name.startswith("unfold.") else 1
        torch.testing.assert_close(after[name], factor * expected)


def test_a_corpus_is_measured_node_by_node(recipe: ModuleType, tmp_path: Path, capsys) -> None:
    import polars as pl

    (tmp_path / "data" / "unheard").mkdir(parents=True)

    asked = []

    def run(*words: object) -> None:
        asked.append(words[words.index("--split") + 1])
        nodes = ["accompaniment/bass", "accompaniment/bass", "accompaniment/other/brass", "accompaniment/other/brass"]
        rows = {"node": nodes, "status": ["counted", "counted", "counted", "absent"]}
        pl.DataFrame(rows | {"si_sdr_improvement": [1.0, 2.0, 5.0, 9.0]}).write_parquet(words[words.index("-o") + 1])

    (tmp_path / "openmsx").mkdir()
    recipe.measure("some/model", tmp_path, tmp_path / "openmsx", run, 4)
    assert asked == ["validation", "test"]
    table = capsys.readouterr().out
    assert "| accompaniment/bass | 1.50 (2) | 1.50 (2) |" in table
    assert "| families | 1.50 (2) |" in table and "| instruments | 2.67 (3) |" in table
