from pathlib import Path

import pytest
import yaml

from stemtree.corpora.track import Corpus
from stemtree.errors import OptionError
from stemtree.hierarchy import load
from stemtree.model import make_model
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.training.configuration import CONFIGS, available, find, read_settings, resolved_yaml
from stemtree.training.initial_model import make_card
from stemtree.training.module import TrainingModule
from stemtree.training.settings import TrainSettings
from stemtree.training.targets import training_targets

RUNS = [name for name in available() if name != "small"]


@pytest.mark.parametrize("name", RUNS)
def test_every_configuration(name: str) -> None:
    """Reads, and asks for nodes that exist; those of the papers have the papers' sizes."""
    full = read_settings([name])
    targets = training_targets(full, load(full.hierarchy))
    assert all(path in targets.tree for path in targets.nodes)
    if full.targets and full.network.kind in ("mask_inference", "query_by_example"):
        assert (full.stft.window, full.stft.hop, full.batch, full.learning_rate) == (1024, 512, 25, 1e-4)
        assert (full.network.layers, full.network.units, full.network.dropout) == (4, 600, 0.3)


@pytest.mark.parametrize("name", RUNS)
def test_every_configuration_with_small_laid_over_it(name: str) -> None:
    """Makes a module of the same kind, which ends with its last weights after 200 steps at a falling rate."""
    full, small = read_settings([name]), read_settings([name, "small"])
    assert small.network.kind == full.network.kind and small.relation == full.relation and small.rules == full.rules
    assert small.loss == "tpsa_relative_mse" and (small.schedule, small.keep) == ("cosine", "last")
    assert small.epoch // small.batch * small.trainer["max_epochs"] == 200
    targets = training_targets(small, load(small.hierarchy))
    card = make_card(small, targets, Corpus(Path(), "slakh", small.hierarchy, ()))
    module = TrainingModule(make_model(card), small, targets.example_indices)
    assert sum(parameter.numel() for parameter in module.parameters()) > 0


def test_files_change_each_other_and_the_command_line_comes_last(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("extends: run.yaml\nnetwork: {units: 16}\nbatch: 2\n")
    (tmp_path / "run.yaml").write_text(
        "train: [{root: a}]\nvalidation: [{root: b}]\nhierarchy: musdb18\ntargets: [vocals]\nbatch: 4\n"
        "network: {kind: mask_inference, layers: 1}\n"
    )
    settings = read_settings([tmp_path / "base.yaml"], ["network.dropout=0", "rules.absent=0.5"])
    assert settings.network == MaskInferenceSettings(layers=1, units=16, dropout=0)
    assert settings.batch == 2 and settings.rules.absent == 0.5
    other = read_settings([tmp_path / "base.yaml"], ["network={kind: folded_conv}", "relation.kind=tree"])
    assert other.network.kind == "folded_conv"  # nothing is left of the other network's settings


def test_configurations_are_found_by_name_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"small", "qbe", "poster/1_sss_constraint", "thesis/7_ms21"} <= available().keys()
    assert all(trains.endswith(".") and len(trains) > 10 for trains in available().values())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("extends: [poster/1_qbe_constraint, small]\nseed: 3\n")
    mine = read_settings(["mine.yaml"])
    assert (
        mine.seed == 3 and mine.relation.kind == "constrained" and mine.epoch == read_settings(["qbe", "small"]).epoch
    )
    assert find("small") == CONFIGS / "small.yaml"
    (tmp_path / "small").write_text("seed: 1\n")
    assert find("./small") == Path("small")
    for wrong, message in (
        ("poster/1_sss_constrain", "no configuration 'poster/1_sss_constrain'; did you mean poster/1_sss_constraint"),
        ("1_sss_constraint", "did you mean poster/1_sss_constraint"),
        ("nothing like it", r"no configuration 'nothing like it' \(stemtree train --list prints all"),
        ("configs/sss.yaml", r"there is no file 'configs/sss\.yaml': write sss for"),
        ("sss.yaml", r"there is no file 'sss\.yaml': write sss for"),
    ):
        with pytest.raises(OptionError, match=message):
            read_settings([wrong])


def test_a_part_of_a_setting_changes_nothing_else() -> None:
    """Of the transform, whose defaults in a run are not its own, and of all others."""
    whole = read_settings(["sss"]).model_dump()
    for change, where, value in (
        ("stft.sample_rate=8000", ("stft", "sample_rate"), 8000),
        ("stft={window: 2048}", ("stft", "window"), 2048),
        ("chunking.hop=5", ("chunking", "hop"), 5.0),
        ("rules.absent=0.5", ("rules", "absent"), 0.5),
        ("network.units=10", ("network", "units"), 10),
        ("trainer.max_epochs=3", ("trainer", "max_epochs"), 3),
    ):
        changed = read_settings(["sss"], [change]).model_dump()
        assert changed[where[0]].pop(where[1]) == value
        assert changed == {**whole, where[0]: {key: of for key, of in whole[where[0]].items() if key != where[1]}}
    for change, message in (
        ("stft.window=512", "a window of 512 samples every 512 cannot be"),
        ("stft=16000", "'stft' is 16000: give a mapping of settings"),
        ("network=16000", "'network' is 16000: "),
    ):
        with pytest.raises(OptionError, match=message):
            read_settings(["sss"], [change])
    with pytest.raises(OptionError, match="the setting 'train' is missing"):
        read_settings(["small"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for text, message in (("[", "are not YAML"), ("- a", "are no mapping"), ("extends: me.yaml", "extend themselves")):
        (tmp_path / "me.yaml").write_text(text)
        with pytest.raises(OptionError, match=message):
            read_settings([tmp_path / "me.yaml"])
    for text, message in (
        ("batch: 4\nseed: 1\nbatch: 7", "line 3: 'batch' stands twice among siblings"),
        ("network: {units: 5, units: 6}", "line 1: 'units' stands twice"),
        ("trainer: &a {x: *a}", "something in it contains itself"),
        ("seed: 2001-13-45", "month must be in 1"),
        ("? [a]\n: b", "line 1: a name must be plain text"),
    ):
        (tmp_path / "me.yaml").write_text(text)
        with pytest.raises(OptionError, match=f"are not YAML .*{message}.*: correct that"):
            read_settings([tmp_path / "me.yaml"])
    (tmp_path / "me.yaml").write_text("extends: {a: 1}")
    with pytest.raises(OptionError, match=r"'extends' in the settings '.*me\.yaml' is .*: give the name"):
        read_settings([tmp_path / "me.yaml"])
    (tmp_path / "me.yaml").write_text("extends:\nseed: 3")
    assert read_settings(["sss", tmp_path / "me.yaml"]).seed == 3
    with pytest.raises(OptionError, match="'train' is 'data/slakh': give a list"):
        read_settings(["sss"], ["train=data/slakh"])
    with pytest.raises(OptionError, match=r"cannot read the settings '.*none\.yaml'"):
        read_settings([tmp_path / "none.yaml"])


@pytest.mark.parametrize("name", RUNS)
def test_a_resolved_configuration_is_whole_and_makes_the_same_settings(name: str, tmp_path: Path) -> None:
    settings = read_settings([name])
    text = resolved_yaml(settings)
    resolved = yaml.safe_load(text)
    assert resolved.keys() == TrainSettings.model_fields.keys() and "extends" not in text
    assert resolved["network"].keys() == type(settings.network).model_fields.keys()
    assert resolved["trainer"] == {"max_epochs": 100, "log_every_n_steps": 10, **settings.trainer}
    (tmp_path / "resolved.yaml").write_text(text)
    again = read_settings([tmp_path / "resolved.yaml"])
    assert again.model_dump(exclude={"trainer"}) == settings.model_dump(exclude={"trainer"})
    assert again.trainer_settings == settings.trainer_settings
