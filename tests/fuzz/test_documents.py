"""YAML and JSON that people or other programs spoilt are read, or refused in a sentence."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from support.corpus_layouts import make_slakh
from support.fuzz import (
    Edit,
    Originals,
    Spoiling,
    edited,
    edits,
    fuzzed,
    only_sentences,
    spoilings,
    spoilt_document,
    spoilt_file,
)
from support.page_songs import make_song
from support.tones import write_config

from stemtree.corpora.layout import read_metadata
from stemtree.corpora.load import load_corpus
from stemtree.hierarchy import load
from stemtree.hierarchy import load as load_hierarchy
from stemtree.hierarchy.load import available, read_labels, with_label_map
from stemtree.page.tree import read_tree
from stemtree.separation.output.manifest import read_manifest, without_names
from stemtree.training.configuration import read_settings, resolved_yaml
from stemtree.training.run_folder import RunFolder
from stemtree.training.settings import TrainSettings

_DEFINITIONS = Path(load.__code__.co_filename).parent / "definitions"
_LABELS = {"kick in": "accompaniment/percussion/drum_set", "gtr": "accompaniment/bass"}


def _use_hierarchy(file: Path) -> None:
    tree = load_hierarchy(file)
    tree.prune(1)
    tree.at_level(tree.levels)


@fuzzed(30)
@given(st.sampled_from(available()), edits(text=True))
def test_hierarchy(tmp_path: Path, name: str, changes: list[Edit]) -> None:
    content = edited((_DEFINITIONS / f"{name}.yaml").read_bytes(), changes)
    with spoilt_file(tmp_path, "mine.yaml", content) as file, only_sentences():
        _use_hierarchy(file)


@fuzzed(25)
@given(spoilings())
def test_small_hierarchy(tmp_path: Path, changes: Spoiling) -> None:
    document = yaml.safe_load((_DEFINITIONS / "musdb18.yaml").read_text())
    with spoilt_file(tmp_path, "mine.yaml", spoilt_document(document, changes, "yaml")) as file, only_sentences():
        _use_hierarchy(file)


@fuzzed(25)
@given(spoilings())
def test_label_map(tmp_path: Path, changes: Spoiling) -> None:
    with spoilt_file(tmp_path, "labels.yaml", spoilt_document(_LABELS, changes, "yaml")) as file, only_sentences():
        read_labels(file)
        with_label_map(load("ms21"), file)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = tmp_path_factory.mktemp("settings")
    return Originals(yaml.safe_load(write_config(folder / "run.yaml", folder).read_text()))


@fuzzed(80)
@given(spoilings())
@example([(166, "set", {"\ud800": None})])
def test_settings(tmp_path: Path, configuration: Originals, changes: Spoiling) -> None:
    with (
        spoilt_file(tmp_path, "run.yaml", spoilt_document(dict(configuration), changes, "yaml")) as file,
        only_sentences(),
    ):
        resolved_yaml(read_settings([file]))


_KEYS = ("train", "a.b", "network.units", "seed", "targets", "trainer.max_epochs", "extends", "stft")
_VALUES = st.text(max_size=12) | st.sampled_from(["2001-13-45", "[" * 300, "9" * 5000, "{a: 1}", "!!python/x", "1e999"])


@fuzzed(10)
@given(st.text(max_size=20) | st.builds("{}={}".format, st.sampled_from(_KEYS), _VALUES))
@example("train=2001-13-45")
@example("seed=" + "[" * 300)
def test_set_option(tmp_path: Path, configuration: Originals, change: str) -> None:
    content = yaml.safe_dump(dict(configuration)).encode()
    with spoilt_file(tmp_path, "run.yaml", content) as file, only_sentences():
        read_settings([file], [change])


@fuzzed(30)
@given(spoilings())
@example([(166, "set", {"\ud800": None})])
def test_settings_of_an_earlier_run(tmp_path: Path, configuration: Originals, changes: Spoiling) -> None:
    settings = TrainSettings.model_validate(dict(configuration))
    content = spoilt_document(settings.model_dump(mode="json"), changes, "yaml")
    with spoilt_file(tmp_path, "settings.yaml", content) as file, only_sentences():
        RunFolder(file.parent).check(settings)


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    """For each kind of corpus, where its metadata lie, and the metadata."""
    stem = {"instrument": "distorted electric guitar", "component": "melody", "filename": "S_STEM_01.wav"}
    medleydb = {
        "stem_dir": "S_STEMS",
        "mix_filename": "S_MIX.wav",
        "stems": {"S01": stem, "S02": stem},
        "split": "test",
    }
    root = make_slakh(
        tmp_path_factory.mktemp("slakh"), {"train/Track00001": [("elektrik_guitar.nkm", "Electric Guitar (clean)")]}
    )
    track = {"id": "t0", "trackType": "lead female singer", "extension": "wav", "has_bleed": False}
    return Originals(
        {
            "slakh": ("train/Track00001/metadata.yaml", read_metadata(root / "train/Track00001/metadata.yaml")),
            "medleydb": ("S/S_METADATA.yaml", medleydb),
            "ms21": ("S/S_METADATA.yaml", medleydb),
            "moisesdb": ("a/data.json", {"song": "x", "stems": [{"id": "1", "stemName": "vocals", "tracks": [track]}]}),
        }
    )


@fuzzed(20)
@given(st.sampled_from(["slakh", "medleydb", "ms21", "moisesdb"]), spoilings())
def test_metadata(tmp_path: Path, metadata: Originals, kind: str, changes: Spoiling) -> None:
    name, document = metadata[kind]
    content = spoilt_document(document, changes, Path(name).suffix[1:])
    with spoilt_file(tmp_path, "root", b"") as file:
        corpus = file.with_name("corpus")
        (corpus / name).parent.mkdir(parents=True)
        (corpus / name).write_bytes(content)
        for skip_bad in (True, False):
            with only_sentences():
                load_corpus(corpus, kind, skip_bad=skip_bad)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = tmp_path_factory.mktemp("song")
    make_song(folder, {"vocal": {}, "accompaniment": {"bass": {}, "other": {}}}, num_samples=100)
    return Originals(json.loads((folder / "tree.json").read_text()))


@fuzzed(80)
@given(spoilings(), st.booleans())
@example([(58, "set", 10**300)], False)
@example([(22, "drop", None)], False)
@example([(0, "set", {"sample_rate": float("inf")})], False)
def test_manifest(tmp_path: Path, manifest: Originals, changes: Spoiling, mixture: bool) -> None:
    with spoilt_file(tmp_path, "tree.json", spoilt_document(dict(manifest), changes, "json")) as file:
        for row in manifest["nodes"]:
            (file.parent / row["file"]).parent.mkdir(parents=True, exist_ok=True)
            (file.parent / row["file"]).touch()
        with only_sentences():
            tree = read_tree(file.parent, mixture)
            _ = tree.title, tree.bits, tree.is_lossy, tree.row("")
        without_names(read_manifest(file.parent))
