"""Build every arm of the experiments at the papers' size and make two real steps of each, on songs of tones.

    python benchmarks/paper_size.py docs/results/experiments/rows/paper_size.json [NAME...]

The network, hierarchy, targets, masks and loss are those of the size ``paper``; the songs are made here, at its sample
rate, and a step has two examples instead of 25, so that all arms take minutes. One arm makes one step of all 25. Half
an hour of one core; what is measured before it is stopped is kept.
"""

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from stemtree.corpora.settings import CorpusSettings
from stemtree.experiments import tiny
from stemtree.experiments.definition import arm_settings, read_experiments, trained_arms
from stemtree.staging import whole_file
from stemtree.training.monitor import Monitor
from stemtree.training.run import fit, prepare
from stemtree.training.run_folder import RunFolder
from stemtree.training.settings import TrainSettings

SECONDS = 12
MORE = (
    "Orchestral Harp",
    "Electric Piano 1",
    "Lead 2 (sawtooth)",
    "Acoustic Bass",
    "Clarinet",
    "Oboe",
    "woodwind ensemble",
    "Vibraphone",
)
"""What the songs need besides, so that every target of the queries is in them."""

FULL = "4_relation_and_loss direct_mask"


def main() -> None:
    """Try every arm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    done: dict[str, Any] = json.loads(options.output.read_text()) if options.output.exists() else {}
    done.setdefault("arms", {})
    with tempfile.TemporaryDirectory() as place:
        for name, experiment in read_experiments(options.names).items():
            for arm in (arm for arm, estimator in trained_arms(experiment).items() if estimator is None):
                key = f"{name} {arm}"
                settings = arm_settings(experiment, arm, "paper")
                if key not in done["arms"]:
                    seconds, recurrent = try_arm(settings, Path(place), 2)
                    done["arms"][key] = {
                        "seconds_of_two_steps": round(seconds, 1),
                        "operations": operations(settings, recurrent),
                    }
                    print(key, done["arms"][key], flush=True)
                if key == FULL and "full_step" not in done:
                    seconds, _ = try_arm(settings, Path(place), settings.batch, steps=1)
                    done["full_step"] = {"arm": key, "batch": settings.batch, "seconds": round(seconds, 1)}
                    done["steps"] = settings.epoch // settings.batch * settings.trainer_settings["max_epochs"]
                    print(done["full_step"], flush=True)
                options.output.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(options.output) as partial:
                    partial.write_text(json.dumps(done, indent=1) + "\n")


def try_arm(settings: TrainSettings, place: Path, batch: int, steps: int = 2) -> tuple[float, int]:
    """Make steps; returns CPU seconds of the fit and the weights that every frame is multiplied by."""
    rate = settings.stft.sample_rate
    tiny.RATE, tiny.SECONDS = rate, SECONDS
    tiny.INSTRUMENTS.update(dict.fromkeys(MORE, 880))
    corpora = place / str(rate)
    tiny.make_tiny_corpora(corpora)
    four = settings.hierarchy == "musdb18"
    songs = corpora / ("four_stems" if four else "songs")
    kind = "musdb18-hq" if four else "slakh"
    trial = settings.model_copy(
        update={
            "train": (CorpusSettings(songs, kind, "train"),),
            "validation": (CorpusSettings(songs, kind, "validation"),),
            "distinct": None,
            "epoch": batch * steps,
            "batch": batch,
            "validation_size": 1,
            "workers": 0,
            "trainer": {"max_epochs": 1, "accelerator": "cpu", "limit_val_batches": 1, "log_every_n_steps": 1},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(trial, RunFolder(Path(folder)), progress_bar=False, monitor=Monitor())
        begin = time.process_time()
        fit(run)
        if run.trainer.global_step != steps:
            raise SystemExit(f"{run.trainer.global_step} steps instead of {steps}")
        weights = sum(parameter.numel() for parameter in run.module.network.parameters())
        return time.process_time() - begin, weights


def operations(settings: TrainSettings, weights: int) -> float:
    """Of the whole training: a weight is multiplied and added once for each frame, and twice more for the gradient."""
    frames = math.ceil(settings.chunking.duration * settings.stft.sample_rate / settings.stft.hop)
    return 6.0 * weights * frames * settings.epoch * settings.trainer_settings["max_epochs"]


if __name__ == "__main__":
    main()
