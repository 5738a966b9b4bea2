"""Spoilt models, checkpoints, mean masks and tables of rows are read, or refused in a sentence."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
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
from support.query_models import make_query_model

from stemtree.corpora.song_cache import SongCache
from stemtree.evaluation.estimators.mean_mask import MeanMask
from stemtree.evaluation.store import RowStore, write_rows
from stemtree.experiments.comparison import read_rows
from stemtree.model import CARD, WEIGHTS, load_model, weights_digest
from stemtree.spectral import Stft
from stemtree.training.run_folder import read_checkpoint


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = make_query_model(tmp_path_factory.mktemp("model"), ["bass"])
    return Originals(card=json.loads((folder / CARD).read_text()), weights=(folder / WEIGHTS).read_bytes())


@fuzzed(25)
@given(spoilings())
@example([(62, "set", False)])
def test_card(tmp_path: Path, model: Originals, changes: Spoiling) -> None:
    with spoilt_file(tmp_path, CARD, spoilt_document(model["card"], changes, "json")) as file, only_sentences():
        file.with_name(WEIGHTS).write_bytes(model["weights"])
        load_model(file.parent)


@fuzzed(25)
@given(edits())
def test_weights(tmp_path: Path, model: Originals, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, WEIGHTS, edited(model["weights"], changes)) as file, only_sentences():
        file.with_name(CARD).write_text(json.dumps(model["card"]))
        load_model(file.parent)
        weights_digest(file.parent)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = tmp_path_factory.mktemp("files")
    torch.save({"global_step": 3, "state_dict": {"a": torch.zeros(20)}, "divides": {"x": 1}}, folder / "last.ckpt")
    stft = Stft(window=64, hop=32, sample_rate=8000)
    MeanMask(("bass",), torch.zeros(1, stft.bins), stft, "songs").save(folder / "mean.safetensors")
    rows = {"track": ["a"], "start": [0.0], "target": [""], "node": ["bass"], "level": [1], "status": ["ok"]}
    metadata = {"stemtree": json.dumps({"settings": {"a": 1}, "songs": ["x"]})}
    write_rows(pl.DataFrame(rows | {"si_sdr_improvement": [1.0]}), folder / "rows.parquet", metadata)
    return Originals({file.name: file.read_bytes() for file in folder.iterdir()})


def _read(file: Path) -> None:
    if file.suffix == ".ckpt":
        read_checkpoint(file)
    elif file.suffix == ".safetensors":
        MeanMask.load(file)
    else:
        with only_sentences():
            read_rows(file)
        with only_sentences():
            RowStore(file, {"a": 1}).read_finished(["x"])
        SongCache(file, pl.Schema({"track": pl.String, "fingerprint": pl.String}))._read()


@fuzzed(80)
@given(st.sampled_from(["last.ckpt", "mean.safetensors", "rows.parquet"]), edits())
def test_file(tmp_path: Path, files: Originals, name: str, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, name, edited(files[name], changes)) as file, only_sentences():
        _read(file)
