import shutil
from pathlib import Path
from typing import Literal

import pytest
import torch
import yaml
from support.tones import CHUNKS, CLEAN

from stemtree.corpora.load import load_corpus
from stemtree.data.salience import index_file, salience_index
from stemtree.hierarchy import load
from stemtree.training.configuration import read_settings
from stemtree.training.examples import make_examples
from stemtree.training.monitor import Monitor
from stemtree.training.targets import training_targets


@pytest.fixture
def two_corpora(config: Path, tones: Path, tmp_path: Path) -> Path:
    """A configuration that trains on the tones and on a copy of theirs that lacks a song, by ids that occur twice."""
    copy = shutil.copytree(tones, tmp_path / "copy")
    shutil.rmtree(copy / "train" / "Track00003")
    corpus = load_corpus(copy, "slakh", load("slakh"))
    salience_index(corpus, load("slakh"), index_file(corpus), CHUNKS)
    settings = yaml.safe_load(config.read_text())
    settings["train"].append({"root": str(copy), "split": "train"})
    config.write_text(yaml.safe_dump(settings))
    return config


def test_corpora_are_joined(two_corpora: Path) -> None:
    settings, hierarchy = read_settings([two_corpora], ["distinct=60"]), load("slakh")
    examples = make_examples(settings, training_targets(settings, hierarchy), hierarchy, "train")
    ids = [track.id for track in examples.corpus.tracks]
    assert ids == [f"0/Track0000{n}" for n in range(4)] + [f"1/Track0000{n}" for n in range(3)]
    assert {example["track"] for example in examples} == set(ids)


def test_features_of_joined_corpora(two_corpora: Path) -> None:
    """Remixes need them for every song of both."""
    changes = ["augmentation={remix: 1.0}", "distinct=3"]
    settings, hierarchy = read_settings([two_corpora], changes), load("slakh")
    examples = make_examples(settings, training_targets(settings, hierarchy), hierarchy, "train")
    assert all(example["mixture"].isfinite().all() for example in examples)


def test_validation_is_complete_and_not_augmented(config: Path) -> None:
    """Whatever is withheld from training and done to its stems."""
    targets = f"targets=[{CLEAN}/acoustic_guitar]"
    settings = read_settings([config], [targets, "rules={missing: 1.0}", "augmentation={gain: [3.0, 3.0]}"])
    hierarchy = load("slakh")
    learned = training_targets(settings, hierarchy)
    training = make_examples(settings, learned, hierarchy, "train")
    validation = make_examples(settings, learned, hierarchy, "validation")
    expected = make_examples(read_settings([config], [targets]), learned, hierarchy, "validation")
    assert not any(example["known"][0] for example in training)
    for example, plain in zip(validation, expected, strict=True):
        assert example["known"].all() and torch.equal(example["mixture"], plain["mixture"])


def test_validation_does_not_change_with_the_seed(config: Path) -> None:
    def starts(seed: int, purpose: Literal["train", "validation"]) -> list[tuple[str, float]]:
        settings, hierarchy = (
            read_settings([config], [f"seed={seed}", "distinct=8", "validation_size=8"]),
            load("slakh"),
        )
        examples = make_examples(settings, training_targets(settings, hierarchy), hierarchy, purpose)
        return [(example["track"], example["start"]) for example in examples]

    assert starts(0, "validation") == starts(1, "validation")
    assert starts(0, "train") != starts(1, "train")


@pytest.mark.parametrize(
    ("changes", "said"),
    [(["distinct=500"], True), (["distinct=4"], False), (["distinct=500", "augmentation={gain: [0.5, 1.0]}"], False)],
)
def test_repeated_chunks_are_said(config: Path, changes: list[str], said: bool) -> None:
    settings, hierarchy, sentences = read_settings([config], changes), load("slakh"), list[str]()
    targets = training_targets(settings, hierarchy)
    examples = make_examples(settings, targets, hierarchy, "train", Monitor(report=sentences.append))
    ((count, chunks),) = examples.sampler.num_chunks(len(examples)).values()
    expected = (
        f"{count} examples with '{settings.targets[0]}' are taken from {chunks} chunks, so that chunks are repeated"
    )
    assert sentences == ([expected] if said else [])


def test_stems_of_other_songs_come_from_all_chunks_unless_they_are_removed(config: Path) -> None:
    """Where only leaves lack their truth, drawing from chunks that have it would show the same few to all others."""
    for mode, all_songs in (("leaf", True), ("all", False)):
        rules = f"rules={{missing: 0.6, missing_mode: {mode}, missing_unit: song}}"
        settings = read_settings([config], [rules, "augmentation={other_song: 1.0}", "distinct=60"])
        hierarchy = load("slakh")
        examples = make_examples(settings, training_targets(settings, hierarchy), hierarchy, "train")
        removed = {song for song in range(len(examples.corpus.tracks)) if examples.sampler.is_missing_at(song, 0)}
        excerpts = [
            excerpt for number in range(60) for excerpt in examples._excerpts(examples.sampler.draw(number), number)
        ]
        assert removed and (removed <= {excerpt.track for excerpt in excerpts}) == all_songs
