from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from stemtree.corpora.track import Corpus
from stemtree.errors import EvaluationError
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.evaluate import evaluate
from stemtree.evaluation.measure_targets import TargetMeasurer
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy


def test_workers_and_stopped_runs_make_no_difference(
    query_model: QueryModel,
    query_corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = evaluate(query_model, query_corpus, hierarchy, settings, workers=1)
    assert evaluate(query_model, query_corpus, hierarchy, settings, workers=2).equals(whole)
    measure_song = TargetMeasurer.measure_song

    def stop(self, track, starts):
        if track.id == "1":
            raise KeyboardInterrupt
        return measure_song(self, track, starts)

    file = tmp_path / "rows.parquet"
    monkeypatch.setattr(TargetMeasurer, "measure_song", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate(query_model, query_corpus, hierarchy, settings, file=file, workers=1)
    assert not file.exists()
    fewer = replace(query_corpus, tracks=query_corpus.tracks[:2])  # queries of fewer songs would be others
    monkeypatch.setattr(TargetMeasurer, "measure_song", measure_song)
    with pytest.raises(EvaluationError, match=r"holds another evaluation \(its queries is"):
        evaluate(query_model, fewer, hierarchy, settings, file=file, workers=1)
    assert evaluate(query_model, query_corpus, hierarchy, settings, file=file, workers=1).equals(whole)
    assert pl.read_parquet(file).equals(whole)
