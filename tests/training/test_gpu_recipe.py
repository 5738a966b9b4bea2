"""The recipe ``recipes/gpu/run.py`` in small, on the CPU: sounds and notes packed, rendered, learned, brought back."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import yaml

from stemtree.model import load_model

pytest.importorskip("pysfizz")
pretty_midi = pytest.importorskip("pretty_midi")

RECIPE = Path(__file__).parents[2] / "recipes" / "gpu" / "run.py"
TINY = {
    "network": {
        "kind": "folded_conv", "bands": [{"fold": 16, "places": 16}, {"fold": 64}], "widths": [4, 4], "units": 4,
    },
    "channels": 1, "batch": 2, "epoch": 2, "validation_size": 2, "chunking": {"duration": 2, "hop": 2},
}  # fmt: skip


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Two songs of a bass and a piano, one of which is held out, and an instrument each, one for validation."""
    folder = tmp_path / "sources"
    (folder / "notes").mkdir(parents=True)
    for name in ("one", "kept"):
        song = pretty_midi.PrettyMIDI(initial_tempo=120)
        for program, pitch in ((33, 36), (0, 60)):
            part = pretty_midi.Instrument(program)
            part.notes = [pretty_midi.Note(90, pitch + beat % 5, beat / 2, beat / 2 + 0.4) for beat in range(20)]
            song.instruments.append(part)
        song.write(str(folder / "notes" / f"{name}.mid"))
    for name, harmonics in (("low", 1), ("high", 9), ("other", 5)):
        time = np.arange(2 * 44100) / 44100
        tone = sum(np.sin(2 * np.pi * 261.6 * number * time) / number for number in range(1, 1 + harmonics))
        (folder / name / "Samples").mkdir(parents=True)
        soundfile.write(folder / name / "Samples" / "C4.WAV", 0.3 * tone, 44100)
        (folder / name / "a.sfz").write_text("#define $end wav\n<region> sample=Samples\\c4.$end pitch_keycenter=60\n")
    (tmp_path / "held_out.txt").write_text("kept.mid\n")
    sounds = {
        "low": {"sfz": "low/a.sfz", "plays": ["bass"], "seconds": 0.5, "licence": "CC0"},
        "high": {"sfz": "high/a.sfz", "plays": ["pianos"], "seconds": 0.5, "licence": "CC0"},
        "other": {"sfz": "other/a.sfz", "plays": ["bass"], "seconds": 0.5, "licence": "CC0", "split": "validation"},
    }
    notes = {"mine": {"files": "notes/*.mid", "held_out": "held_out.txt", "licence": "CC0"}}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"notes": notes, "sounds": sounds}))
    return folder


def test_from_sounds_to_a_model(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("gpu_recipe", RECIPE)
    assert spec is not None and spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)

    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["run.py", *map(str, arguments)])
        recipe.main()

    pack, out = tmp_path / "pack", tmp_path / "out"
    plan = ("--plan", tmp_path / "plan.yaml")
    run("pack", sources, pack, *plan)
    assert soundfile.info(next(pack.rglob("*.ogg"))).duration == pytest.approx(0.5, abs=0.01)
    with pytest.raises(SystemExit, match=r"MB, more than 0\.001: cut sounds shorter"):
        run("pack", sources, pack, *plan, "--megabytes", 0.001)

    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    config = ("--config", RECIPE.with_name("wide.yaml"), tmp_path / "tiny.yaml")
    small = ("--cores", 1, "--takes", 2, "--probe", 1, "--sample", 1, "--excerpt", 4, "--seconds", 1)
    monkeypatch.setattr(recipe, "START_UP", 1)
    # In this process, since others would import everything anew.
    monkeypatch.setattr(
        "stemtree.rendering.render.map_tracks", lambda task, takes, *_, **__: ((take, task(take)) for take in takes)
    )
    run("there", pack, tmp_path / "work", out, *config, *small, "--megabytes-back", 0.002)
    songs = sorted(file.parent.name for file in (tmp_path / "work" / "data").rglob("metadata.yaml"))
    assert songs == ["kept", "one_1", "one_2"]
    assert list(json.loads((out / "report.json").read_text())["stages"]) == ["render", "train", "evaluate"]
    assert not pl.read_parquet(out / "unheard.parquet").is_empty()
    assert len(list(out.glob("model.safetensors.*"))) > 1
    made = [(tmp_path / "work" / "run" / name) for name in ("model.safetensors", "settings.yaml")]
    before = [file.stat().st_mtime_ns for file in made]
    run("train", pack, tmp_path / "work", out, *config, *small, "--seconds", 2)  # done
    assert [file.stat().st_mtime_ns for file in made] == before
    made[0].unlink()
    run("train", pack, tmp_path / "work", out, *config, *small, "--seconds", 60)  # goes on to its own end
    assert yaml.safe_load(made[1].read_text())["trainer"]["max_epochs"] == 1 and made[0].exists()
    run("join", out)
    model = load_model(out)
    assert model.card.licences == {
        "songs": {"mine": "CC0"},
        "sounds": {name: "CC0" for name in ("low", "high", "other")},
    }
    assert model.card.metrics["unheard"]


def test_the_wide_network_comes_back_in_eight_files() -> None:
    from stemtree.hierarchy import load
    from stemtree.masks.relation import make_relation
    from stemtree.training.configuration import read_settings

    settings = read_settings([RECIPE.with_name("wide.yaml")])
    relation = make_relation("tree", load("ms21").subtree("accompaniment"), ("bass", "percussion", "other"))
    network = settings.network.build(settings.stft.bins, settings.channels, relation.outputs)
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert 7e6 < weights < 10e6 and 2 * weights / 15e6 < 4
