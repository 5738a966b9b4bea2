"""``stemtree models``."""

import json
import shutil
from pathlib import Path

import pytest

from stemtree.model_files import card_file
from stemtree.separation.splitters.abilities import DRUM_MODEL


@pytest.fixture
def drums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model of drum pieces as a run's, with a card of its own; nothing was fetched from the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stemtree.separation.splitters.models.fetched", list)
    shutil.copytree(DRUM_MODEL, "runs/drums")
    card = json.loads(card_file("runs/drums").read_text("utf-8"))
    card_file("runs/drums").unlink()
    kick = {"si_sdr_improvement": 4.0, "chunks": 2}
    card |= {"licence": "CC-BY-4.0", "metrics": {"mine": {"accompaniment/percussion/drum_set/kick": kick}}}
    card |= {"cpu_seconds": 0.019}
    Path("runs/drums/config.json").write_text(json.dumps(card))
    return Path("runs/drums")


def test_the_models_that_are_here(cli, drums: Path) -> None:
    lines = cli("models").out.splitlines()
    assert lines[0].split()[:2] == ["model", "licence"]
    row = next(line.split() for line in lines if line.startswith(" runs/drums"))
    assert row[1:3] == ["CC-BY-4.0", "ms21_deep:"] and "mine" in row and "+4.0" in row and "0.59" in row
    assert "0.019" in row and "CPU s per s" in lines[0]
    assert any(line.startswith(" default model  MIT") for line in lines)
    (drums / "config.json").write_text("{}")  # of something else
    assert "runs/drums" not in cli("models", "runs").out
    card = json.loads(card_file(DRUM_MODEL).read_text("utf-8"))
    for wrong in ({"nodes": [1, 2]}, {"nodes": "kick"}, {"root": "nope"}, {"stft": card["stft"] | {"window": -4}}):
        (drums / "config.json").write_text(json.dumps(card | wrong))
        outcome = cli("models", "runs")
        assert "runs/drums" not in outcome.out and "report" not in outcome.err, wrong
        outcome = cli("separate", "--splitter", drums, "--list")
        assert outcome.code == 1 and outcome.err.count("\n") == 1 and "report" not in outcome.err, outcome.err


def test_one_card(cli, drums: Path) -> None:
    out = cli("models", "--show", drums).out
    assert out.startswith("# runs/drums\n") and "--splitter runs/drums" in out and "└── cymbals" in out
    assert "| accompaniment/percussion/drum_set/kick | 4.0 | 2 |" in out
    assert "stemtree separate song.wav\n" in cli("models", "--show", "default model").out
    (drums / "model.safetensors").unlink()  # such as of a model on the hub of which only the card was fetched
    assert cli("models", "--show", drums).out == out


def test_what_is_no_model(cli, drums: Path) -> None:
    for arguments, message in (
        (["none"], "cannot read 'none': No such file or directory; check the path"),
        (["--show", "none"], "cannot read the model 'none': No such file or directory; check the path"),
        (["--show", "hf:none"], "'hf:none' is no name of a model on the Hugging Face hub: give hf:OWNER/NAME"),
    ):
        outcome = cli("models", *arguments)
        assert (outcome.code, outcome.err) == (1, f"stemtree: {message}\n")
    card = json.loads((drums / "config.json").read_text())
    without = {key: value for key, value in card.items() if key != "network"}
    for wrong in ([], without, card | {"metrics": {"mine": 3}}, card | {"licences": {"songs": 3}}):
        (drums / "config.json").write_text(json.dumps(wrong))
        outcome = cli("models", "--show", drums)
        assert (outcome.code, outcome.out) == (1, "") and "is not one of ours: check the path" in outcome.err
