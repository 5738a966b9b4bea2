"""What a run is known by: everything that changes its rows, and nothing else."""

import os
import shutil
from pathlib import Path

import soundfile

from stemtree.corpora.load import load_corpus
from stemtree.experiments import identity
from stemtree.experiments.definition import arm_settings, read_experiment
from stemtree.experiments.identity import code_identity, corpus_identity, settings_identity


def test_settings() -> None:
    def known_by(*changes: str, seed: int = 0) -> str:
        settings = arm_settings(read_experiment("1_constraint"), "direct", "small", seed, changes)
        return settings_identity(settings.model_dump(mode="json"))

    same = ("workers=3", "trainer.accelerator=gpu", "train=[{root: /mnt/songs, split: train}]")
    other = ("network.units=151", "trainer.max_epochs=5", "train=[{root: others, split: train}]")
    assert {known_by(change) for change in same} == {known_by()}
    assert len({known_by(), known_by(seed=1), *(known_by(change) for change in other)}) == 5


def test_a_setting_that_is_new_changes_no_run_that_lacks_it() -> None:
    settings = arm_settings(read_experiment("1_constraint"), "direct", "small", 0, ()).model_dump(mode="json")
    earlier = settings | {"rules": {key: value for key, value in settings["rules"].items() if key != "family"}}
    assert settings_identity(settings) == settings_identity(earlier)
    assert settings_identity(settings | {"rules": settings["rules"] | {"family": 0.5}}) != settings_identity(earlier)


def test_songs_by_their_content(workplace: Path, tmp_path: Path) -> None:
    songs = shutil.copytree(workplace / "data" / "tiny" / "songs" / "validation", tmp_path / "songs")

    def known_by(hierarchy: str = "ms21") -> str:
        return corpus_identity(load_corpus(songs, "slakh", hierarchy))

    first = known_by()
    file = next(songs.glob("*/stems/S00.wav"))
    os.utime(file, (0, 0))
    assert known_by() == first and known_by("slakh") != first
    samples, rate = soundfile.read(file)
    soundfile.write(file, samples[::-1], rate, "PCM_16")
    assert known_by() != first


def test_code_without_comments(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(identity, "COMPUTING", ("data",))
    monkeypatch.setattr(identity.resources, "files", lambda package: tmp_path)
    module = tmp_path / "data" / "a.py"
    module.parent.mkdir()

    def known_by(text: str) -> str:
        module.write_text(text)
        return code_identity.__wrapped__()

    first = known_by('def f(x):\n    """Double."""\n    return 2 * x\n')
    assert known_by('# Twice.\ndef f(x):\n    """Twice as much."""\n    return (2 * x)\n') == first
    assert known_by("def f(x):\n    return 2 * x\n") == first
    assert known_by("def f(x):\n    return 3 * x\n") != first
