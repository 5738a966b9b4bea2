import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from stemtree.corpora.track import Corpus
from stemtree.errors import EvaluationError, HierarchyError, OptionError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.bounds import IdealMask, Mixture
from stemtree.evaluation.evaluate import Selection, evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy
from stemtree.types import Waveform

NODES = ("vocals", "accompaniment", "accompaniment/bass")


class Counting(Mixture):
    """Counts the batches that it estimates; can be stopped at one of them."""

    batches = 0
    stop_at = None

    def estimate(self, batch: Batch) -> Waveform:
        if Counting.batches == Counting.stop_at:
            raise KeyboardInterrupt
        Counting.batches += 1
        return super().estimate(batch)


@pytest.fixture
def counting() -> Counting:
    Counting.batches, Counting.stop_at = 0, None
    return Counting(NODES)


def test_all_rows_in_order_whatever_the_workers(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, tmp_path: Path
) -> None:
    calls: list[tuple[int, int]] = []
    estimator = IdealMask("irm", NODES)
    alone = evaluate(
        estimator, corpus, hierarchy, settings, workers=1, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(3, 6), (6, 6)]
    places = [(song, start, node) for song in "01" for start in (0.0, 2.0, 4.0) for node in NODES]
    assert alone.select("track", "start", "node").rows() == places
    together = evaluate(estimator, corpus, hierarchy, settings, workers=2, file=tmp_path / "rows.parquet")
    assert together.equals(alone) and pl.read_parquet(tmp_path / "rows.parquet").equals(alone)
    assert sorted(os.listdir(tmp_path)) == ["corpus", "rows.parquet"]


def test_a_stopped_run_goes_on(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, counting: Counting, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    Counting.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)
    assert not file.exists() and Counting.batches == 1
    with pytest.raises(
        EvaluationError, match=r"parts' holds another evaluation \(its seed is 0, not 1\): delete it or"
    ):
        evaluate(counting, corpus, hierarchy, replace(settings, seed=1), file=file, workers=1)
    Counting.stop_at = None
    rows = evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)
    assert Counting.batches == 2  # the second song alone
    assert rows.equals(evaluate(counting, corpus, hierarchy, settings, workers=1))
    before = Counting.batches
    assert rows.equals(evaluate(counting, corpus, hierarchy, settings, file=file, workers=1))
    assert Counting.batches == before  # read from the file


def test_rows_of_an_earlier_version_get_the_columns_that_they_lack(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, counting: Counting, tmp_path: Path
) -> None:
    file, later = tmp_path / "rows.parquet", "framewise_si_sdr_improvement"
    rows = evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)
    metadata = pl.read_parquet_metadata(file)
    rows.drop(later).write_parquet(file, metadata={"stemtree": metadata["stemtree"]})
    again = evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)
    assert again.schema == rows.schema and again.drop(later).equals(rows.drop(later))
    assert again[later].null_count() == len(rows) > rows[later].null_count()


def test_a_changed_song_is_measured_again(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, counting: Counting, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    Counting.stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)
    stem = corpus.tracks[0].stems[0].file.path
    soundfile.write(stem, np.zeros(24000), 4000, "PCM_24")
    Counting.batches, Counting.stop_at = 0, None
    rows = evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)
    assert Counting.batches == 2 and rows.filter(track="0", node="vocals")["status"].to_list() == ["absent"] * 3
    soundfile.write(stem, np.ones(24000) / 2, 4000, "FLOAT")
    with pytest.raises(EvaluationError, match="holds an evaluation of other songs: delete it or choose another file"):
        evaluate(counting, corpus, hierarchy, settings, file=file, workers=1)


def test_what_does_not_fit(corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    with pytest.raises(OptionError, match="'mixture' does not estimate 'accompaniment/drums'"):
        evaluate(Mixture(NODES), corpus, hierarchy, settings, selection=Selection(["accompaniment/drums"]))
    within = EvaluationSettings(settings.chunking, root="accompaniment", bss=False)
    for node in ("vocals", "accompaniment"):
        with pytest.raises(OptionError, match=f"'{node}' lies not beneath the root 'accompaniment'"):
            evaluate(Mixture((node,)), corpus, hierarchy, within, selection=Selection((node,)))
    with pytest.raises(HierarchyError, match="'mixture' estimates 'vocal', which the hierarchy 'musdb18' lacks"):
        evaluate(Mixture(("vocal",)), corpus, hierarchy, settings)
    with pytest.raises(OptionError, match=r"windows of 0.1 s are too short for SIR and SAR"):
        evaluate(Mixture(NODES), corpus, hierarchy, replace(settings, window=0.1))

    class Picky(Mixture):
        sample_rate = 16000

    with pytest.raises(OptionError, match="is for 16000 Hz and the song '0' has 4000 Hz: resample"):
        evaluate(Picky(NODES), corpus, hierarchy, settings)
