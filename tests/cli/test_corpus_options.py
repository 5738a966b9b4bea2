"""A corpus is described by the same options in every command."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stemtree.corpora.settings import CorpusSettings
from stemtree.errors import CorpusError

RATE = 8000


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two songs whose files' names no hierarchy knows, and a third with a file that is no audio."""
    for number, song in enumerate("abc"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for part, name in enumerate(("source-01", "source-02")):
            noise = np.random.default_rng(10 * number + part).uniform(-0.1, 0.1, 2 * RATE)
            soundfile.write(tmp_path / "songs" / song / f"{name}.wav", noise, RATE)
    (tmp_path / "songs" / "c" / "source-02.wav").write_text("text")
    return tmp_path / "songs"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.yaml"
    file.write_text("source-01: accompaniment/bass\nsource-02: vocal/lead_vocal\n")
    return file


@pytest.fixture
def run(tmp_path: Path, corpus: Path) -> Path:
    source = {"root": str(corpus), "kind": "folder"}
    settings = {
        "train": [source],
        "validation": [source],
        "hierarchy": "ms21",
        "targets": ["vocal/lead_vocal"],
        "chunking": {"duration": 1.0, "hop": 0.5, "threshold": -50.0},
        "stft": {"window": 256, "hop": 128, "sample_rate": RATE},
        "network": {"kind": "mask_inference", "layers": 1, "units": 2},
        "loss": "tpsa_mse",
        "distinct": 4,
        "epoch": 2,
        "validation_size": 2,
        "batch": 2,
        "workers": 0,
        "trainer": {"max_epochs": 1, "accelerator": "cpu"},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "run.yaml"


COMMANDS = ("check", "info", "index", "evaluate", "confusion", "mean-mask", "train")


def arguments(command: str, corpus: Path, run: Path) -> tuple[object, ...]:
    output = corpus.parent / "output"
    if command == "train":
        return ("train", run, "-o", output)
    if command == "evaluate":
        chunks = ("--duration", 1, "--no-bss", "--workers", 1)
        return ("evaluate", "oracle:irm", "--corpus", corpus, "--kind", "folder", "--split", "all", *chunks)
    if command == "confusion":
        chunks = ("--duration", 1, "--workers", 1)
        return ("confusion", "oracle:irm", "--corpus", corpus, "--kind", "folder", "--split", "all", *chunks)
    if command == "mean-mask":
        return ("mean-mask", "--corpus", corpus, "--kind", "folder", "--split", "all", "-o", output)
    return ("corpus", command, corpus, "--kind", "folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_labels_and_skip_bad(command: str, cli, corpus: Path, labels: Path, run: Path) -> None:
    call = arguments(command, corpus, run)
    without = cli(*call)
    assert "Traceback" not in without.err and (without.code == 1 or command == "info")
    if command in ("index", "evaluate", "confusion", "mean-mask", "train"):
        assert "; give it a leaf with --labels FILE, or leave it out with --skip-bad" in without.err
        stopped = cli(*call, "--labels", labels)
        assert stopped.code == 1 and "source-02.wav' cannot be read as audio" in stopped.err
        assert "leave it out with --skip-bad (in a configuration 'skip_bad: true')" in stopped.err
    whole = cli(*call, "--labels", labels, "--skip-bad")
    assert whole.code == 0, whole.err
    assert "source-02.wav' cannot be read as audio" in whole.err + whole.out


def test_nothing_is_left(cli, corpus: Path, run: Path) -> None:
    for command in COMMANDS:
        outcome = cli(*arguments(command, corpus, run), "--skip-bad")
        assert outcome.code == (0 if command == "info" else 1), command
        if command not in ("check", "info"):
            assert f"no song in '{corpus}' can be used: see stemtree corpus check" in outcome.err


def test_a_split_that_is_not_there(corpus: Path) -> None:
    settings = CorpusSettings(corpus, "folder", "test", skip_bad=True)
    with pytest.raises(CorpusError, match="corpus check, and whether it has songs of the split 'test'"):
        settings.load(settings.hierarchy())
