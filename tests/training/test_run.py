import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import soundfile
import torch
from pytorch_lightning import Callback, Trainer
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from stemtree.corpora.load import load_corpus
from stemtree.data.salience import Chunking, index_file, salience_index
from stemtree.errors import ModelError, OptionError, SamplingError, StaleIndexError, TrainingError
from stemtree.hierarchy import load
from stemtree.model import load_model
from stemtree.training import run
from stemtree.training.run import train
from stemtree.training.settings import read_settings
from stemtree.training.task import Task

CONFIGS = Path(__file__).parents[2] / "configs"
CLEAN = "strings_guitar_keyboards/guitar/clean_guitars"


def curve(folder: Path, name: str = "val_loss") -> list[float]:
    events = EventAccumulator(str(folder / "events"))
    events.Reload()
    return [event.value for event in events.Scalars(name)]


@pytest.mark.parametrize("changes", [[], ["average_decay=0.7"], ["optimiser=muon"]])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(changes: list[str], config: Path, tmp_path: Path) -> None:
    """With dropout, gradient clipping by all norms so far, and a new order of examples."""
    whole = train(read_settings([config], ["trainer.max_epochs=3", *changes]), tmp_path / "whole")
    train(read_settings([config], ["trainer.max_epochs=1", *changes]), tmp_path / "parts")
    again = train(read_settings([config], ["trainer.max_epochs=3", *changes]), tmp_path / "parts")
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole") and len(curve(tmp_path / "whole")) == 3
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    assert again.card.training["steps"] == 6


def test_averaged_weights_are_what_is_kept(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step's weights begin the average; each later step's get the rest of `average_decay`."""
    seen: list[dict[str, Tensor]] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, task: Task, *_: object) -> None:
            seen.append({name: tensor.clone() for name, tensor in task.network.state_dict().items()})

    monkeypatch.setattr(run, "LearningRateMonitor", lambda _: Watch())
    model = train(read_settings([config], ["trainer.max_epochs=1", "average_decay=0.7"]), tmp_path / "run")
    assert len(seen) == 2
    for name, tensor in model.network.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, 0.7 * seen[0][name] + 0.3 * seen[1][name])


def test_the_last_checkpoint_is_kept_where_the_best_is_not_beaten(config: Path, tmp_path: Path) -> None:
    asked = ["trainer.max_epochs=4", "learning_rate=3.0"]
    model = train(read_settings([config], asked), tmp_path / "run")
    losses = curve(tmp_path / "run")
    best, last = (
        torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"]
        for name in ("best", "last")
    )
    assert last == 8 and best == 2 * (losses.index(min(losses)) + 1) < last
    assert model.card.training["kept_step"] == best
    model = train(read_settings([config], [*asked, "keep=last"]), tmp_path / "other")
    assert model.card.training["kept_step"] == last


def test_what_a_run_leaves(config: Path, tmp_path: Path) -> None:
    model = train(read_settings([config], ["relation.kind=tree"]), tmp_path / "run")
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "checkpoints", "events", "model.json", "model.safetensors", "settings.yaml",
    }  # fmt: skip
    card = json.loads((tmp_path / "run" / "model.json").read_text())
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
    losses = curve(tmp_path / "run")
    assert losses[-1] < 0.8 * losses[0]


def test_a_query(config: Path, tmp_path: Path) -> None:
    targets = "targets=[strings_guitar_keyboards/guitar/clean_guitars, bass/bass/acoustic_basses]"
    changes = ["network={kind: query_by_example, units: 8, layers: 1, query_layers: 1}", targets]
    model = train(read_settings([config], changes), tmp_path / "run")
    assert model.takes_query and model.card.nodes[0] == "level_3/level_2/level_1"


def test_a_loss_that_is_no_number(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Task._loss

    def bad(self: Task, *arguments: object) -> torch.Tensor:
        loss = good(self, *arguments)
        return loss * torch.nan if self.training and self.global_step == 3 else loss

    monkeypatch.setattr(Task, "_loss", bad)
    with pytest.raises(
        TrainingError, match=r"the loss is nan at step 3, of 'Track0000\d' at \d\.\d s, .* checkpoint is kept"
    ):
        train(read_settings([config]), tmp_path / "run")
    monkeypatch.setattr(Task, "_loss", good)
    assert train(read_settings([config]), tmp_path / "run").card.training["steps"] == 4  # from the last good checkpoint


@pytest.mark.parametrize("what", ["gradient", "validation loss"])
def test_weights_that_become_no_numbers_replace_no_checkpoint(
    what: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the last step of the second epoch, so that nothing but its gradient or the validation can tell."""
    good = Task._loss

    def bad(self: Task, *arguments: object) -> torch.Tensor:
        loss = good(self, *arguments)
        if self.global_step >= 3:
            if what == "gradient" and self.training:
                loss.register_hook(lambda gradient: gradient * torch.inf)
            if what == "validation loss" and not self.training:
                return loss * torch.nan
        return loss

    monkeypatch.setattr(Task, "_loss", bad)
    step = 3 if what == "gradient" else 4
    with pytest.raises(TrainingError, match=rf"the {what} is (nan|inf) at step {step}, of 'Track0000\d' at .* is kept"):
        train(read_settings([config]), tmp_path / "run")
    kept = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 2 and all(tensor.isfinite().all() for tensor in kept["state_dict"].values())


def test_two_processes_learn_together(config: Path, tmp_path: Path) -> None:
    """Each takes half of every epoch and of the validation; one of them writes and prints."""
    script, run = tmp_path / "stemtree", tmp_path / "run"
    script.write_text("from stemtree.cli import main\nmain()\n")
    trainer = "trainer={devices: 2, accelerator: cpu, strategy: ddp, max_epochs: 1}"
    command = [sys.executable, script, "train", config, "-o", run, "--set", trainer, "--set", "batch=2"]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.count("2 steps, weights of step 2") == 1
    measured = json.loads((run / "model.json").read_text())["metrics"]["validation"]
    assert all(values["examples"] == 4 for values in measured.values())
    loss = curve(run)[0]
    alone = train(read_settings([config], ["trainer.max_epochs=1", "batch=4"]), tmp_path / "alone")
    assert loss == pytest.approx(curve(tmp_path / "alone")[0], rel=0.2)
    assert alone.card.metrics["validation"].keys() == measured.keys()
    command[command.index(run)] = tmp_path / "other"
    outcome = subprocess.run([*command, "--set", "batch=5"], capture_output=True, text=True)
    assert outcome.returncode == 1 and "no batch of 5 for each of 2 processes" in outcome.stderr


def test_a_run_may_begin_with_the_weights_of_another(config: Path, tmp_path: Path) -> None:
    first = train(read_settings([config]), tmp_path / "first")
    changes = [f"weights={tmp_path / 'first'}", "learning_rate=1e-12", "seed=3"]
    model = train(read_settings([config], changes), tmp_path / "run")
    parameters = dict(first.network.named_parameters())  # without the statistics of batch norms, which change at once
    assert all(torch.allclose(tensor, parameters[name]) for name, tensor in model.network.named_parameters())
    assert model.card.training["began_with"] == first.card.training
    assert len(model.card.corpora) == 2
    moved = train(read_settings([config], [*changes[:1], "learning_rate=0.01"]), tmp_path / "moved")
    assert not any(torch.equal(tensor, parameters[name]) for name, tensor in moved.network.named_parameters())
    (tmp_path / "first").rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="cannot read the model"):
        train(read_settings([config], changes), tmp_path / "other")
    changes = [f"weights={tmp_path / 'elsewhere'}", "network.units=4"]
    with pytest.raises(ModelError, match=r"the model '.*elsewhere' is of another network: give other 'weights'"):
        train(read_settings([config], changes), tmp_path / "other")
    changes = [*changes[:1], "targets=[strings_guitar_keyboards]"]
    with pytest.raises(ModelError, match=r"the model '.*elsewhere' is of another hierarchy"):
        train(read_settings([config], changes), tmp_path / "other")


def test_folders_that_hold_something_else(config: Path, tmp_path: Path) -> None:
    train(read_settings([config]), tmp_path / "run")
    with pytest.raises(OptionError, match="holds a run with another 'loss'"):
        train(read_settings([config], ["loss=tpsa_l1"]), tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    kept = torch.load(last, weights_only=True)
    torch.save(kept | {"divides": kept["divides"] | {"nodes": ["strings_guitar_keyboards/rest"]}}, last)
    with pytest.raises(ModelError, match=r"the checkpoint '.*last\.ckpt' is of another hierarchy"):
        train(read_settings([config]), tmp_path / "run")
    torch.save(kept | {"state_dict": {}}, last)
    with pytest.raises(ModelError, match=r"the checkpoint '.*last\.ckpt' is of another network"):
        train(read_settings([config]), tmp_path / "run")
    torch.save(kept, last)
    best = last.with_name("best.ckpt")
    for file in (best, last):
        whole = file.read_bytes()
        for damaged in (b"damage", whole[: len(whole) // 2], whole[:-1]):
            file.write_bytes(damaged)
            with pytest.raises(ModelError, match=rf"the checkpoint '.*{file.name}' is damaged"):
                train(read_settings([config]), tmp_path / "run")
        file.write_bytes(whole)
    best.unlink()
    with pytest.raises(ModelError, match=r"there is no checkpoint '.*best\.ckpt' any more"):
        train(read_settings([config]), tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not empty and holds no run"):
        train(read_settings([config]), tmp_path / "mine")
    for damaged in ("", "trainer: [", "- a list"):
        (tmp_path / "mine" / "settings.yaml").write_text(damaged)
        with pytest.raises(OptionError, match=r"the settings in '.*mine' are damaged"):
            train(read_settings([config]), tmp_path / "mine")


@pytest.mark.parametrize("name", ["a file", "a file/run", "x" * 300])
def test_what_cannot_be_a_runs_folder(name: str, config: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(OptionError, match=r"cannot hold a run .*: give another folder"):
        train(read_settings([config]), tmp_path / name)


def test_a_schedule_with_an_end_keeps_it(config: Path, tmp_path: Path) -> None:
    cosine = ["schedule=cosine", "trainer.max_epochs=2"]
    train(read_settings([config], cosine), tmp_path / "run")
    assert curve(tmp_path / "run", "lr-Adam")[0] == pytest.approx(0.01)
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0, abs=1e-12)
    with pytest.raises(OptionError, match=r"holds a run with another 'trainer\.max_epochs'"):
        train(read_settings([config], [*cosine, "trainer.max_epochs=3"]), tmp_path / "run")


def test_what_slurm_saves_stays_in_the_run(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is stopped before its first validation goes on with its own steps, not with what lies around."""
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes(b"of another run")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SLURM_NTASKS": "1",
        "SLURM_JOB_NAME": "night",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
    }.items():
        monkeypatch.setenv(name, value)
    assert train(read_settings([config]), tmp_path / "run").card.training["steps"] == 4


def test_a_mistyped_setting_takes_no_folder(config: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no level 7"):
        train(read_settings([config], ["levels=[7]"]), tmp_path / "run")
    assert train(read_settings([config], ["levels=[1]"]), tmp_path / "run").card.nodes == (CLEAN,)


def test_leaves_that_are_heard_nowhere_are_left_out_and_told(config: Path, tones: Path, tmp_path: Path) -> None:
    """Of four instruments two are played so softly that no chunk is salient; others have no stem at all."""
    root = shutil.copytree(tones, tmp_path / "songs")
    for name in ("S01", "S03"):  # nylon guitar and bass
        for file in root.glob(f"*/*/stems/{name}.wav"):
            audio, rate = soundfile.read(file)
            soundfile.write(file, audio / 300, rate, "PCM_16")
    corpus = load_corpus(root, "slakh", load("slakh"))
    salience_index(corpus, load("slakh"), index_file(corpus), Chunking(1.0, 0.5, -50.0))
    told: list[str] = []
    changes = ["targets=[]", "depth=2", "relation.kind=tree"]
    changes += [f"{split}=[{{root: {root}, split: {split}}}]" for split in ("train", "validation")]
    model = train(read_settings([config], changes), tmp_path / "run", tell=told.append)
    assert "bass/bass" in model.card.nodes
    assert [sentence.split(",")[0] for sentence in told] == [
        f"in the songs of '{split}'" for split in ("train", "validation")
    ]
    assert "'bass/bass'" in told[0] and "'winds_voices/winds'" in told[0]
    assert "guitar'" not in told[0] and "percussion" not in told[0]


def test_what_cannot_be_trained(config: Path, tones: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"Lightning's trainer does not take .*'max_epoch'"):
        train(read_settings([config], ["trainer={max_epoch: 3}"]), tmp_path / "a")
    with pytest.raises(TrainingError, match="ended the run after 1 steps, before a validation"):
        train(read_settings([config], ["trainer.max_steps=1"]), tmp_path / "a")
    with pytest.raises(SamplingError, match="in the songs of 'train', 'winds_voices/winds/flutes' is salient in no"):
        train(read_settings([config], ["targets=[winds_voices/winds/flutes]"]), tmp_path / "b")
    unheard = ["targets=[]", "subtree=winds_voices"]
    with pytest.raises(SamplingError, match="what is learned is salient in no chunk of 'train'"):
        train(read_settings([config], unheard), tmp_path / "b")
    with pytest.raises(OptionError, match="needs 'sources'"):
        train(read_settings([config], ["relation.kind=mixed"]), tmp_path / "c")
    with pytest.raises(StaleIndexError, match="build it again with stemtree corpus index"):
        train(read_settings([config], ["chunking.duration=0.5"]), tmp_path / "d")
    with pytest.raises(OptionError, match=r"has 8000 Hz and 'stft' is for 16000: give stft\.sample_rate"):
        train(read_settings([config], ["stft.sample_rate=16000"]), tmp_path / "e")
    with pytest.raises(OptionError, match=r"no such network can be made \(.*memory.*\): make it smaller"):
        train(read_settings([config], ["network.units=10000000"]), tmp_path / "f")


@pytest.mark.parametrize("name", ["poster/1_sss_constraint", "poster/3_qbe_50_leaf", "thesis/6_sequential"])
def test_the_papers_networks_learn(name: str, tones: Path, tmp_path: Path) -> None:
    """Configurations as they are, at the papers' sizes, on songs at hand: two steps of two short examples."""
    changes = [
        f"train=[{{root: {tones}, split: train}}]", f"validation=[{{root: {tones}, split: validation}}]",
        "hierarchy=slakh", "chunking={duration: 1.0, hop: 0.5, threshold: -50.0}", "stft.sample_rate=8000",
        "batch=2", "epoch=4", "validation_size=2", "workers=0", "trainer={max_epochs: 1, accelerator: cpu}",
    ]  # fmt: skip
    settings = read_settings([CONFIGS / f"{name}.yaml"], changes)
    targets = [CLEAN, "bass/bass/acoustic_basses"][: 2 if settings.takes_query else 1]
    settings = read_settings([CONFIGS / f"{name}.yaml"], [*changes, f"targets=[{', '.join(targets)}]"])
    model = train(settings, tmp_path / "run")
    assert model.card.training["steps"] == 2
    assert sum(parameter.numel() for parameter in model.network.parameters()) > 30e6
    shutil.rmtree(tmp_path / "run")  # a gigabyte


def test_damaged_models(config: Path, tmp_path: Path) -> None:
    train(read_settings([config]), tmp_path / "run")
    weights, card = tmp_path / "run" / "model.safetensors", tmp_path / "run" / "model.json"
    whole, told = weights.read_bytes(), json.loads(card.read_text())
    weights.write_bytes(whole[:-9])
    with pytest.raises(ModelError, match=r"the weights '.*' are damaged"):
        load_model(tmp_path / "run")
    weights.write_bytes(whole)
    card.write_text(json.dumps(told | {"channels": 2}))
    with pytest.raises(ModelError, match="do not fit their card"):
        load_model(tmp_path / "run")
    card.write_text(json.dumps(told | {"colour": 2}))
    with pytest.raises(ModelError, match="there is no setting 'colour'"):
        load_model(tmp_path / "run")
    card.write_text("{")
    with pytest.raises(ModelError, match=r"the card '.*model\.json' is not one of ours: invalid JSON: [^']*$"):
        load_model(tmp_path / "run")
    for changes in ({"tree": {"a": "b"}}, {"nodes": ["nonsense"]}, {"stft": told["stft"] | {"hop": 0}}):
        card.write_text(json.dumps(told | changes))
        with pytest.raises(ModelError, match=r"the card '.*model\.json' is not one of ours: "):
            load_model(tmp_path / "run")
    card.write_text(json.dumps(told))
    values = load_file(weights)
    next(value for value in values.values() if value.is_floating_point()).view(-1)[0] = torch.nan
    save_file(values, weights)
    with pytest.raises(ModelError, match="hold values that are no numbers: get a whole copy"):
        load_model(tmp_path / "run")
    with pytest.raises(ModelError, match=r"cannot read the model '.*none'"):
        load_model(tmp_path / "none")


def test_command_separate_and_query(cli, config: Path, tones: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = cli("train", config, "-o", run, "--set", "trainer.max_epochs=1")
    assert outcome.code == 0 and outcome.out.startswith(f"{run}: 2 steps, weights of step 2")
    song = tones / "validation" / "Track00004" / "stems" / "S00.wav"
    assert cli("separate", song, "--splitter", run, "-o", tmp_path / "stems").code == 0
    files = sorted(str(file.relative_to(tmp_path / "stems" / "S00")) for file in (tmp_path / "stems").rglob("*.wav"))
    path = "strings_guitar_keyboards"
    assert files == [
        "rest.wav", f"{path}.wav", f"{path}/guitar.wav", f"{path}/guitar/clean_guitars.wav", f"{path}/guitar/rest.wav",
        f"{path}/rest.wav",
    ]  # fmt: skip
    read = {file: soundfile.read(tmp_path / "stems" / "S00" / file, dtype="int16")[0].astype(int) for file in files}
    assert (read["rest.wav"] + read[f"{path}.wav"] == soundfile.read(song, dtype="int16")[0]).all()
    for depth in ((), ("--depth", 1)):
        outcome = cli("separate", song, "--splitter", run, "--hierarchy", "ms21", *depth, "-o", tmp_path / "other")
        assert "can split nothing of the hierarchy 'ms21'" in outcome.err and not (tmp_path / "other").exists()
    assert "takes no example" in cli("query", song, "--like", song, "--model", run).err

    told = f"targets=[{path}/guitar/clean_guitars, bass/bass/acoustic_basses]"
    network = "network={kind: query_by_example, units: 8, layers: 1, query_layers: 1}"
    asked = tmp_path / "asked"
    cli("train", config, "-o", asked, "--set", told, "--set", network)
    arguments = ("query", song, "--model", asked, "-o", tmp_path / "found")
    assert cli(*arguments, "--like", song).code == 0
    assert (tmp_path / "found" / "S00" / "level_3" / "level_2" / "level_1.wav").exists()
    outcome = cli(*arguments, "--like", song, "--level", 2, "--overwrite")
    assert outcome.code == 0 and not (tmp_path / "found" / "S00" / "level_3.wav").exists()
    assert "has no level 4" in cli(*arguments, "--like", song, "--level", 4).err
    soundfile.write(tmp_path / "silent.wav", [0.0] * 4000, 8000)
    assert "is silent" in cli(*arguments, "--like", tmp_path / "silent.wav").err
    soundfile.write(tmp_path / "short.wav", [0.5] * 40, 8000)
    assert "give at least one window of 256" in cli(*arguments, "--like", tmp_path / "short.wav").err
    assert "use stemtree query" in cli("separate", song, "--splitter", asked).err
    for name in ("none", "x" * 5000):
        assert f"there is no splitter '{name}'" in cli("separate", song, "--splitter", name).err
    cli("train", config, "-o", tmp_path / "gap", "--set", told, "--set", network, "--set", "levels=[1, 3]")
    outcome = cli("query", song, "--model", tmp_path / "gap", "--like", song, "--level", 1, "-o", tmp_path / "gaps")
    assert "of level_3/level_2/level_1, level_3, do not divide its whole tree: train it with every" in outcome.err
    cli("train", config, "-o", tmp_path / "leaf", "--set", "levels=[1]")
    outcome = cli("separate", song, "--splitter", tmp_path / "leaf", "-o", tmp_path / "gaps")
    assert "do not divide its whole tree: train it with every" in outcome.err and not (tmp_path / "gaps").exists()


def test_command_evaluate(cli, config: Path, tones: Path, tmp_path: Path) -> None:
    """Models of a path and of a sub-tree, which is then taken for the mixture; in processes of their own."""
    corpus = ("--corpus", tones, "--kind", "slakh", "--split", "validation", "--duration", 1, "--no-bss")
    cli("train", config, "-o", tmp_path / "path")
    outcome = cli("evaluate", tmp_path / "path", *corpus, "--workers", 2, "-o", tmp_path / "path.parquet")
    assert outcome.code == 0 and "clean_guitars" in outcome.out
    rows = pl.read_parquet(tmp_path / "path.parquet")
    assert rows["si_sdr_improvement"].is_finite().any() and rows["failure"].null_count() == len(rows)
    outcome = cli("evaluate", f"separate:{tmp_path / 'path'}", *corpus, "--workers", 1, "-o", tmp_path / "walk.parquet")
    assert outcome.code == 0
    walked = pl.read_parquet(tmp_path / "walk.parquet")  # what is left of a path is in no corpus
    assert set(walked["node"]) == set(rows["node"]) and walked["failure"].null_count() == len(walked)
    outcome = cli(
        "evaluate", tmp_path / "path", *corpus, "--workers", 1, "--level", 2, "-o", tmp_path / "level.parquet"
    )
    assert outcome.code == 0 and set(pl.read_parquet(tmp_path / "level.parquet")["node"]) == {CLEAN}
    outcome = cli("evaluate", tmp_path / "path", *corpus, "--level", 1)
    assert f"estimates no node of level 1: it has {CLEAN}, " in outcome.err
    outcome = cli("evaluate", tmp_path / "path", *corpus, "--depth", 2)
    assert f"estimates '{CLEAN}', which the hierarchy 'slakh' lacks" in outcome.err

    root = "strings_guitar_keyboards"
    cli("train", config, "-o", tmp_path / "tree", "--set", "targets=[]", "--set", f"subtree={root}", "--set", "depth=2")
    arguments = ("evaluate", tmp_path / "tree", *corpus, "--workers", 1, "-o", tmp_path / "tree.parquet")
    assert "give that as the root" in cli(*arguments).err
    assert cli(*arguments, "--root", root).code == 0
    rows = pl.read_parquet(tmp_path / "tree.parquet").filter(pl.col("status") == "counted")
    assert set(rows["node"]) == {f"{root}/guitar/clean_guitars", f"{root}/guitar/effected_guitars"}
