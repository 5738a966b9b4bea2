"""Spoilt models, checkpoints, mean masks and tables of rows are read, or refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from hypothesis import example, given, reject
from hypothesis import strategies as st
from support.fuzz import (
    Edit,
    Originals,
    Replacement,
    Spoiling,
    edited,
    edits,
    fuzzed,
    only_sentences,
    replaced,
    replacements,
    spoilings,
    spoilt_document,
    spoilt_file,
)
from support.query_models import make_query_model

from stemtree.corpora.song_cache import SongCache
from stemtree.evaluation.estimators.mean_mask import MeanMask
from stemtree.evaluation.store import RowStore, write_rows
from stemtree.experiments.comparison import compare_rows, read_rows
from stemtree.experiments.rows import read_run
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
@example("rows.parquet", [(39, 1, b"\x7f")])  # made polars end the program
@example("mean.safetensors", [("number", 532, 8, 3, 15)])
def test_file(tmp_path: Path, files: Originals, name: str, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, name, edited(files[name], changes)) as file, only_sentences():
        _read(file)


@fuzzed(15)
@given(replacements())
@example([(2, "set", None)])
@example([(1, "set", -1)])
def test_content_of_a_checkpoint(tmp_path: Path, changes: list[Replacement]) -> None:
    checkpoint = {
        "global_step": 3,
        "state_dict": {"a": torch.zeros(2)},
        "divides": {"x": 1},
        "callbacks": [{"best": 1.0}],
    }
    with spoilt_file(tmp_path, "last.ckpt", b"") as file:
        torch.save(replaced(checkpoint, changes), file)
        with only_sentences():
            read = read_checkpoint(file)
            assert isinstance(read["global_step"], int)
            assert all(isinstance(tensor, torch.Tensor) for tensor in read["state_dict"].values())


@fuzzed(15)
@given(replacements())
def test_header_of_a_mean_mask(tmp_path: Path, files: Originals, changes: list[Replacement]) -> None:
    content = files["mean.safetensors"]
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = {key: json.loads(value) for key, value in header["__metadata__"].items()}
    spoilt = replaced(header, changes)
    if isinstance(spoilt, dict) and isinstance(spoilt.get("__metadata__"), dict):
        spoilt["__metadata__"] = {key: json.dumps(value) for key, value in spoilt["__metadata__"].items()}
    text = json.dumps(spoilt).encode()
    content = len(text).to_bytes(8, "little") + text + content[8 + size :]
    with spoilt_file(tmp_path, "mean.safetensors", content) as file, only_sentences():
        MeanMask.load(file)


_COLUMNS = ["track", "start", "target", "node", "level", "status", "si_sdr_improvement"]
_values = st.sampled_from([None, "a", "ok", "", 1, -1, 1 << 40, 0.5, float("nan"), True, [1], {"a": 1}, b"x"])


@fuzzed(15)
@given(
    st.dictionaries(st.sampled_from(_COLUMNS), st.lists(_values, min_size=2, max_size=2)),
    replacements(),
)
@example({"status": [1 << 40, None]}, [(0, "add", 1)])
@example({"track": [None, None], "status": [None, None]}, [(0, "set", None)])
@example({"track": [None, None], "status": [None, None], "node": [None, None]}, [(0, "set", None)])
@example({"si_sdr_improvement": [None, {"a": 1}]}, [(0, "set", None)])
def test_rows_of_other_types(tmp_path: Path, columns: dict[str, list[Any]], changes: list[Replacement]) -> None:
    rows = {"track": ["a"] * 2, "start": [0.0, 1.0], "target": [""] * 2, "node": ["bass"] * 2, "level": [1, 1]}
    rows |= {"status": ["ok"] * 2, "si_sdr_improvement": [1.0, 2.0]}
    with spoilt_file(tmp_path, "rows.parquet", b"") as file:
        try:
            table = pl.DataFrame(rows | columns, strict=False)
            about = {"stemtree": json.dumps(replaced({"settings": {"a": 1}, "songs": ["x"]}, changes))}
            table.write_parquet(file, metadata=about)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            reject()
        with only_sentences():
            compare_rows([read_rows(file)], [read_rows(file)])
        with only_sentences():
            RowStore(file, {"a": 1}).read_finished(["x"])
        with only_sentences():
            read_run(file)
