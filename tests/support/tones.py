"""A corpus of tones and a configuration that trains on it in seconds."""

from pathlib import Path

import numpy as np
import soundfile
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stemtree.corpora.load import load_corpus
from stemtree.data.salience import Chunking, index_file, salience_index
from stemtree.hierarchy import load

RATE = 8000
PATCHES = {"elektrik_guitar.nkm": 330, "nylon_guitar.nkm": 440, "pop_kit.nkm": 0, "jazz_upright.nkm": 90}
CLEAN = "strings_guitar_keyboards/guitar/clean_guitars"
CHUNKS = Chunking(1.0, 0.5, -50.0)


def write_song(place: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    (place / "stems").mkdir(parents=True)
    stems = {}
    time = np.arange(4 * RATE) / RATE
    for number, (patch, pitch) in enumerate(PATCHES.items()):
        tone = (
            np.sin(2 * np.pi * pitch * random.uniform(0.95, 1.05) * time) if pitch else random.uniform(-1, 1, len(time))
        )
        beats = np.repeat(random.uniform(0.2, 1, 16), len(time) // 16)
        soundfile.write(place / "stems" / f"S{number:02}.wav", 0.1 * tone * beats, RATE, "PCM_16")
        stems[f"S{number:02}"] = {"plugin_name": patch, "is_drum": not pitch, "midi_program_name": ""}
    (place / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems}))


def make_corpus(root: Path) -> Path:
    """Four songs to train on and two for validation, with their index."""
    for number in range(6):
        write_song(root / ("train" if number < 4 else "validation") / f"Track{number:05}", number)
    hierarchy = load("slakh")
    corpus = load_corpus(root, "slakh", hierarchy)
    salience_index(corpus, hierarchy, index_file(corpus), CHUNKS)
    return root


def write_config(file: Path, tones: Path) -> Path:
    """A run of two short epochs."""
    settings = {
        "train": [{"root": str(tones), "split": "train"}],
        "validation": [{"root": str(tones), "split": "validation"}],
        "hierarchy": "slakh",
        "targets": [CLEAN],
        "chunking": {"duration": 1.0, "hop": 0.5, "threshold": -50.0},
        "stft": {"window": 256, "hop": 128, "sample_rate": RATE},
        "network": {"kind": "mask_inference", "layers": 2, "units": 8},
        "loss": "tpsa_mse",
        "distinct": 20,
        "epoch": 8,
        "validation_size": 4,
        "batch": 4,
        "learning_rate": 0.01,
        "workers": 0,
        "trainer": {"max_epochs": 2, "accelerator": "cpu", "log_every_n_steps": 1},
    }
    file.write_text(yaml.safe_dump(settings))
    return file


def logged(run: Path, name: str = "val_loss") -> list[float]:
    """What a run has logged for TensorBoard under a name."""
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    return [event.value for event in events.Scalars(name)]
