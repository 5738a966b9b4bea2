import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from pytorch_lightning import Callback, Trainer
from support.tones import CLEAN, logged
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from stemtree.corpora.load import load_corpus
from stemtree.data.salience import Chunking, index_file, salience_index
from stemtree.errors import CorpusError, OptionError, SamplingError, TrainingError
from stemtree.hierarchy import load
from stemtree.model import load_model
from stemtree.training import trainer as trainer_module
from stemtree.training.configuration import read_settings
from stemtree.training.module import TrainingModule
from stemtree.training.monitor import Monitor
from stemtree.training.run import train


@pytest.mark.parametrize("changes", [[], ["average_decay=0.7"], ["optimiser=muon"]])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(changes: list[str], config: Path, tmp_path: Path) -> None:
    """With dropout, gradient clipping by all norms so far, and a new order of examples."""
    whole = train(read_settings([config], ["trainer.max_epochs=3", *changes]), tmp_path / "whole")
    train(read_settings([config], ["trainer.max_epochs=1", *changes]), tmp_path / "parts")
    again = train(read_settings([config], ["trainer.max_epochs=3", *changes]), tmp_path / "parts")
    assert logged(tmp_path / "parts") == logged(tmp_path / "whole") and len(logged(tmp_path / "whole")) == 3
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    assert again.card.training["steps"] == 6


def test_averaged_weights_are_what_is_kept(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step's weights begin the average; each later step's get the rest of `average_decay`."""
    seen: list[dict[str, Tensor]] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, module: TrainingModule, *_: object) -> None:
            seen.append({name: tensor.clone() for name, tensor in module.network.state_dict().items()})

    monkeypatch.setattr(trainer_module, "LearningRateMonitor", lambda _: Watch())
    model = train(read_settings([config], ["trainer.max_epochs=1", "average_decay=0.7"]), tmp_path / "run")
    assert len(seen) == 2
    for name, tensor in model.network.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, 0.7 * seen[0][name] + 0.3 * seen[1][name])


def test_the_last_checkpoint_is_kept_where_the_best_is_not_beaten(config: Path, tmp_path: Path) -> None:
    asked = ["trainer.max_epochs=4", "learning_rate=0.5"]
    model = train(read_settings([config], asked), tmp_path / "run")
    losses = logged(tmp_path / "run")
    best, last = (
        torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"]
        for name in ("best", "last")
    )
    assert last == 8 and best == 2 * (losses.index(min(losses)) + 1) < last
    assert model.card.training["kept_step"] == best
    model = train(read_settings([config], [*asked, "keep=last"]), tmp_path / "other")
    assert model.card.training["kept_step"] == last


def test_a_run_that_ended_early_has_ended(config: Path, tmp_path: Path) -> None:
    asked = read_settings([config], ["trainer.max_epochs=9", "stop_after=1", "learning_rate=0.5"])
    first = train(asked, tmp_path / "run")
    assert 2 < first.card.training["steps"] < 18
    again = train(asked, tmp_path / "run")
    assert again.card.training["steps"] == first.card.training["steps"]
    assert again.card.training["kept_step"] == first.card.training["kept_step"]
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name


def test_what_a_run_leaves(config: Path, tmp_path: Path) -> None:
    model = train(read_settings([config], ["relation.kind=tree"]), tmp_path / "run")
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "README.md", "checkpoints", "config.json", "events", "model.safetensors", "settings.yaml",
    }  # fmt: skip
    card = json.loads((tmp_path / "run" / "config.json").read_text())
    measured = card["metrics"]["validation"]
    assert set(measured) == set(card["nodes"]) and all(values["examples"] == 4 for values in measured.values())
    assert card["corpora"][0]["songs"] == 4 and card["training"]["loss"] == "tpsa_mse"
    loaded = load_model(tmp_path / "run")
    noise = torch.randn(1, 1, 129, 5, dtype=torch.complex64)
    assert torch.equal(loaded.estimate(noise).masks, model.estimate(noise).masks)
    events = EventAccumulator(str(tmp_path / "run" / "events"))
    events.Reload()
    assert "masks" in events.Tags()["images"]
    assert {"val_loss", "train_loss", "gradient_norm", "cpu_seconds"} <= set(events.Tags()["scalars"])


@pytest.mark.parametrize("relation", ["direct", "constrained", "sequential", "mixed", "tree"])
def test_learning(relation: str, config: Path, tmp_path: Path) -> None:
    sources = f", sources: {{{CLEAN}: strings_guitar_keyboards}}" if relation == "mixed" else ""
    changes = [f"relation={{kind: {relation}{sources}}}", "trainer.max_epochs=6", "distinct=null", "clip_percentile=90"]
    train(read_settings([config], changes), tmp_path / "run")
    losses = logged(tmp_path / "run")
    assert losses[-1] < 0.8 * losses[0]


def test_a_query(config: Path, tmp_path: Path) -> None:
    targets = "targets=[strings_guitar_keyboards/guitar/clean_guitars, bass/bass/acoustic_basses]"
    changes = ["network={kind: query_by_example, units: 8, layers: 1, query_layers: 1}", targets]
    model = train(read_settings([config], changes), tmp_path / "run")
    assert model.takes_query and model.card.nodes[0] == "level_3/level_2/level_1"


def test_shares_alone_are_learned(config: Path, tmp_path: Path) -> None:
    """A frozen network needs weights to begin with, and keeps them."""
    sizes = "kind: component_query, widths: [4, 6], squeeze: 2, units: 8, components: 3, classes: 2"
    targets = "targets=[strings_guitar_keyboards/guitar/clean_guitars, bass/bass/acoustic_basses]"
    frozen = read_settings([config], [f"network={{{sizes}, frozen: true}}", "relation.kind=tree", targets])
    with pytest.raises(OptionError, match="would keep random weights"):
        train(frozen, tmp_path / "random")
    first = train(read_settings([config], [f"network={{{sizes}}}", "relation.kind=tree", targets]), tmp_path / "first")
    second = train(frozen.model_copy(update={"weights": tmp_path / "first"}), tmp_path / "second")
    earlier, now = first.network.state_dict(), second.network.state_dict()
    same = {name.split(".")[0] for name in now if torch.equal(now[name], earlier[name])}
    assert same == {"divide"} and not any(
        name.startswith("divide") for name in now if not torch.equal(now[name], earlier[name])
    )


def test_two_processes_learn_together(config: Path, tmp_path: Path) -> None:
    """Each takes half of every epoch and of the validation; one of them writes and prints."""
    script, run = tmp_path / "stemtree", tmp_path / "run"
    script.write_text("from stemtree.cli import main\nmain()\n")
    trainer = "trainer={devices: 2, accelerator: cpu, strategy: ddp, max_epochs: 1}"
    command = [sys.executable, script, "train", config, "-o", run, "--set", trainer, "--set", "batch=2"]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.count("2 steps, weights of step 2") == 1
    measured = json.loads((run / "config.json").read_text())["metrics"]["validation"]
    assert all(values["examples"] == 4 for values in measured.values())
    loss = logged(run)[0]
    alone = train(read_settings([config], ["trainer.max_epochs=1", "batch=4"]), tmp_path / "alone")
    assert loss == pytest.approx(logged(tmp_path / "alone")[0], rel=0.2)
    assert alone.card.metrics["validation"].keys() == measured.keys()
    with pytest.raises(OptionError, match="no batch of 5 for each of 2 processes"):  # before others are started
        train(read_settings([config], [trainer, "batch=5"]), tmp_path / "other")


def test_a_mistyped_setting_takes_no_folder(config: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no level 7"):
        train(read_settings([config], ["levels=[7]"]), tmp_path / "run")
    assert train(read_settings([config], ["levels=[1]"]), tmp_path / "run").card.nodes == (CLEAN,)


def test_the_audio_that_keeps_its_truth_is_said_and_stored(config: Path, tmp_path: Path) -> None:
    sentences: list[str] = []
    changes = ["rules={missing: 0.5, missing_unit: song}", "trainer.max_epochs=1"]
    train(read_settings([config], changes), tmp_path / "run", monitor=Monitor(report=sentences.append))
    ((target, known),) = yaml.safe_load((tmp_path / "run" / "known_audio.yaml").read_text())["known_audio"].items()
    assert target == CLEAN and 0.2 < known["share"] < 0.8 and known["hours"] > 0
    assert any(f"truth is known in {known['share']:.1%} of the audio with a target" in line for line in sentences)
    train(read_settings([config], ["trainer.max_epochs=1"]), tmp_path / "whole")
    assert not (tmp_path / "whole" / "known_audio.yaml").exists()


def test_leaves_that_are_salient_nowhere_are_left_out_and_reported(config: Path, tones: Path, tmp_path: Path) -> None:
    """Of four instruments two are played so softly that no chunk is salient; others have no stem at all."""
    root = shutil.copytree(tones, tmp_path / "songs")
    for name in ("S01", "S03"):  # nylon guitar and bass
        for file in root.glob(f"*/*/stems/{name}.wav"):
            audio, rate = soundfile.read(file)
            soundfile.write(file, audio / 300, rate, "PCM_16")
    corpus = load_corpus(root, "slakh", load("slakh"))
    salience_index(corpus, load("slakh"), index_file(corpus), Chunking(1.0, 0.5, -50.0))
    reports: list[str] = []
    changes = ["targets=[]", "depth=2", "relation.kind=tree"]
    changes += [f"{split}=[{{root: {root}, split: {split}}}]" for split in ("train", "validation")]
    model = train(read_settings([config], changes), tmp_path / "run", monitor=Monitor(reports.append))
    assert "bass/bass" in model.card.nodes
    assert [sentence.split(",")[0] for sentence in reports] == [
        f"in the songs of '{split}'" for split in ("train", "validation")
    ]
    assert "'bass/bass'" in reports[0] and "'winds_voices/winds'" in reports[0]
    assert "guitar'" not in reports[0] and "percussion" not in reports[0]


def test_an_index_that_is_missing_or_of_other_chunks_is_made(config: Path, tones: Path, tmp_path: Path) -> None:
    root = shutil.copytree(tones, tmp_path / "songs")
    index_file(load_corpus(root, "slakh", load("slakh"))).unlink()
    changes = [f"{split}=[{{root: {root}, split: {split}}}]" for split in ("train", "validation")]
    changes += ["trainer.max_epochs=1"]
    reports: list[str] = []
    shown: list[str] = []

    @contextmanager
    def progress(label: str) -> Iterator[Callable[[int, int | None], None]]:
        yield lambda done, total: shown.append(f"{label}: {done} of {total}")

    monitor = Monitor(reports.append, progress)
    first = train(read_settings([config], changes), tmp_path / "run", monitor=monitor)
    file = root / "salience-slakh.parquet"
    assert reports[0] == f"there is no '{file}' yet: measuring where nodes are salient"
    assert shown[3] == f"measuring {root}: 4 of 4" and len(shown) == 6
    same = train(read_settings([config], ["trainer.max_epochs=1"]), tmp_path / "same")
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, same.network.state_dict()[name]), name
    reports.clear()
    train(read_settings([config], [*changes, "chunking.hop=0.25"]), tmp_path / "other", monitor=monitor)
    assert reports[0] == f"'{file}' was made with other chunks, labels or hierarchy: measuring where nodes are salient"


def test_songs_that_cannot_be_used_are_left_out_where_wanted(config: Path, tones: Path, tmp_path: Path) -> None:
    """A stem whose label the hierarchy does not know, and one that cannot be decoded to its end."""
    root = shutil.copytree(tones, tmp_path / "songs")
    index_file(load_corpus(root, "slakh", load("slakh"))).unlink()
    metadata = root / "train" / "Track00000" / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("elektrik_guitar.nkm", "main_system.nkm"))
    nan = root / "train" / "Track00001" / "stems" / "S00.wav"
    soundfile.write(nan, np.full(32000, np.nan), 8000, "FLOAT")
    source = f"{{root: {root}, split: train}}"
    changes = [f"train=[{source}]", f"validation=[{{root: {root}, split: validation}}]", "trainer.max_epochs=1"]
    with pytest.raises(CorpusError, match=r"label 'main_system.nkm'.*; give it a leaf with --labels FILE, or leave it"):
        train(read_settings([config], changes), tmp_path / "run")
    reports: list[str] = []
    changes = [change.replace("root:", "skip_bad: true, root:") for change in changes]
    model = train(read_settings([config], changes), tmp_path / "run", monitor=Monitor(reports.append))
    assert model.card.corpora[0]["songs"] == 3
    assert f"left out, 2 problems in '{root}'" in reports[1]
    labels = tmp_path / "labels.yaml"
    labels.write_text("main_system.nkm: bass/bass/acoustic_basses/upright_bass\n")
    changes = [change.replace("root:", f"labels: {labels}, root:") for change in changes]
    train(read_settings([config], changes), tmp_path / "labels", monitor=Monitor(reports.append))
    assert f"left out, a problem in '{root}'" in reports[-1] and "NaN" in reports[-1]


def test_what_cannot_be_trained(config: Path, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"Lightning's trainer does not take .*'max_epoch'"):
        train(read_settings([config], ["trainer={max_epoch: 3}"]), tmp_path / "a")
    with pytest.raises(TrainingError, match="ended the run after 1 step, before a validation"):
        train(read_settings([config], ["trainer.max_steps=1"]), tmp_path / "a")
    with pytest.raises(SamplingError, match="in the songs of 'train', 'winds_voices/winds/flutes' is salient in no"):
        train(read_settings([config], ["targets=[winds_voices/winds/flutes]"]), tmp_path / "b")
    silent = ["targets=[]", "subtree=winds_voices"]
    with pytest.raises(SamplingError, match="what is learned is salient in no chunk of 'train'"):
        train(read_settings([config], silent), tmp_path / "b")
    with pytest.raises(OptionError, match="needs 'sources'"):
        train(read_settings([config], ["relation.kind=mixed"]), tmp_path / "c")
    with pytest.raises(OptionError, match=r"has 8000 Hz and 'stft' is for 16000: give stft\.sample_rate"):
        train(read_settings([config], ["stft.sample_rate=16000"]), tmp_path / "e")
    with pytest.raises(OptionError, match=r"no such network can be made \(.*memory.*\): make it smaller"):
        train(read_settings([config], ["network.units=10000000"]), tmp_path / "f")


@pytest.mark.parametrize("name", ["poster/1_sss_constraint", "poster/3_qbe_50_leaf", "thesis/6_sequential"])
def test_the_papers_networks_learn(name: str, tones: Path, tmp_path: Path) -> None:
    """Configurations as they are, at the papers' sizes, on songs at hand: two steps of two short examples."""
    changes = [
        f"train=[{{root: {tones}, split: train}}]", f"validation=[{{root: {tones}, split: validation}}]",
        "hierarchy=slakh", "chunking={duration: 1.0, hop: 0.5, threshold: -50.0}",
        "stft={window: 1024, hop: 512, sample_rate: 8000}", "batch=2", "epoch=4", "validation_size=2", "workers=0",
        "trainer={max_epochs: 1, accelerator: cpu}",
    ]  # fmt: skip
    settings = read_settings([name], changes)
    targets = [CLEAN, "bass/bass/acoustic_basses"][: 2 if settings.takes_query else 1]
    settings = read_settings([name], [*changes, f"targets=[{', '.join(targets)}]"])
    model = train(settings, tmp_path / "run")
    assert model.card.training["steps"] == 2
    assert sum(parameter.numel() for parameter in model.network.parameters()) > 30e6
    shutil.rmtree(tmp_path / "run")  # a gigabyte


def test_what_a_recipe_alone_learns_is_refused(tmp_path: Path) -> None:
    """Training would leave the weights that tell what is in a song as they were drawn."""
    with pytest.raises(OptionError, match=r"'network.named: true' is learned by recipes/query_model/make.py alone"):
        train(read_settings(["query"], ["network.named=true"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
