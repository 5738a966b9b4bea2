from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.errors import EvaluationError
from stemtree.evaluation.chunks import choose_chunks
from stemtree.evaluation.estimators.bounds import IdealMask, Mixture
from stemtree.evaluation.evaluate import Selection, evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.store import RowStore, chunks_fingerprint, write_rows
from stemtree.hierarchy import Hierarchy

NODES = ("vocals", "accompaniment", "accompaniment/bass")


def test_another_evaluations_file(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, tmp_path: Path
) -> None:
    file, mixture = tmp_path / "rows.parquet", Mixture(NODES)
    file.write_text("no Parquet")
    with pytest.raises(EvaluationError, match="does not hold an evaluation: choose another file"):
        evaluate(mixture, corpus, hierarchy, settings, file=file)
    pl.DataFrame({"a": [1]}).write_parquet(file)
    with pytest.raises(EvaluationError, match="does not hold an evaluation: choose another file"):
        evaluate(mixture, corpus, hierarchy, settings, file=file)
    file.unlink()
    evaluate(mixture, corpus, hierarchy, settings, file=file, workers=1)
    for other in (
        {"estimator": IdealMask("irm", NODES)},
        {"settings": replace(settings, chunking=Chunking(2, 1))},
        {"selection": Selection(nodes=["vocals"])},
    ):
        with pytest.raises(EvaluationError, match=r"rows.parquet' holds another evaluation"):
            evaluate(
                **{"estimator": mixture, "corpus": corpus, "hierarchy": hierarchy, "settings": settings} | other,
                file=file,
            )
    with pytest.raises(EvaluationError, match=r"cannot write to .* choose another folder"):
        evaluate(mixture, corpus, hierarchy, settings, file=file / "below.parquet")


def test_parts_become_one_file(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "rows.parquet", {"seed": 0})
    assert store.read_finished(["b", "a"]) is None
    store.open_parts()
    for number, song in enumerate("ba"):
        write_rows(pl.DataFrame({"n": [number]}), store.part(song))
    rows = store.publish(["b", "a"])
    assert rows["n"].to_list() == [0, 1] and not store.folder.exists()
    assert store.read_finished(["a", "b"]).equals(rows)
    with pytest.raises(EvaluationError, match="holds an evaluation of other songs"):
        store.read_finished(["a"])


def test_rows_with_a_setting_that_this_evaluation_does_not_have_are_others(tmp_path: Path) -> None:
    """`EvaluationSettings.as_dict` leaves out a setting that is as usual."""
    usual, unusual = (RowStore(tmp_path / "rows.parquet", more) for more in ({}, {"query": "family"}))
    unusual.open_parts()
    with pytest.raises(EvaluationError, match=r'holds another evaluation \(its query is "family", not null\)'):
        usual.open_parts()
    write_rows(pl.DataFrame({"n": [1]}), unusual.part("a"))
    unusual.publish(["a"])
    with pytest.raises(EvaluationError, match=r'holds another evaluation \(its query is "family", not null\)'):
        usual.read_finished(["a"])


def test_a_folder_of_parts_belongs_to_one_evaluation(tmp_path: Path) -> None:
    store = RowStore(tmp_path / "rows.parquet", {"seed": 0})
    store.open_parts()
    RowStore(store.file, {"seed": 0}).open_parts()
    with pytest.raises(EvaluationError, match=r"parts' holds another evaluation \(its seed is 0, not 1\)"):
        RowStore(store.file, {"seed": 1}).open_parts()
    (store.folder / "settings.json").write_text("{")
    with pytest.raises(EvaluationError, match=r"settings.json' is damaged: delete its folder"):
        store.open_parts()


def test_fingerprints_tell_chunks_apart(corpus: Corpus) -> None:
    chunking = Chunking(2, 2)
    first, second = choose_chunks(corpus, chunking)
    names = {
        chunks_fingerprint(first, chunking),
        chunks_fingerprint(second, chunking),
        chunks_fingerprint(replace(first, starts=first.starts[1:]), chunking),
        chunks_fingerprint(first, Chunking(2, 1)),
    }
    assert len(names) == 4 and chunks_fingerprint(first, chunking) in names
    first.track.stems[0].file.path.unlink()
    assert chunks_fingerprint(first, chunking) not in names
