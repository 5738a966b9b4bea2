from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from support.noise_corpus import make_corpus

from stemtree.corpora.track import Corpus
from stemtree.errors import SplitterError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.measure import ChunkMeasurer
from stemtree.evaluation.rows import FRAMEWISE, METRICS, SCHEMA
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy
from stemtree.metrics.bss_eval import bss_eval, sdr
from stemtree.metrics.si_sdr import si_sdr
from stemtree.types import Waveform

NODES = ("vocals", "accompaniment", "accompaniment/bass", "accompaniment/other")


@dataclass(frozen=True)
class Made:
    """An estimator made of a function."""

    make: Callable[[Batch], Waveform]
    nodes: tuple[str, ...] = NODES

    def estimate(self, batch: Batch) -> Waveform:
        return self.make(batch)


def _blurred(batch: Batch) -> Waveform:
    return 0.9 * batch.truth + 0.2 * batch.mixture[:, None].roll(3, dims=-1)


def _stem(corpus: Corpus, song: int, stem: int) -> torch.Tensor:
    audio = soundfile.read(corpus.tracks[song].stems[stem].file.path, dtype="float32", always_2d=True)[0].T
    return torch.from_numpy(audio.copy())


def test_rows_hold_what_the_metrics_say(corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    rows = ChunkMeasurer(Made(_blurred), NODES, hierarchy, settings).measure_song(corpus.tracks[0], (0, 8000, 16000))
    assert rows.schema == SCHEMA
    assert rows.select("track", "start", "node").rows() == [("0", start, n) for start in (0.0, 2, 4) for n in NODES]
    assert rows["level"].to_list() == [1, 2, 1, 1] * 3
    assert rows["status"].to_list() == ["counted", "counted", "counted", "absent"] * 3
    row = rows.row(6, named=True)  # the bass, from 2 s on
    stems = [_stem(corpus, 0, number)[:, 8000:16000] for number in range(3)]
    bass, mixture = stems[1], torch.stack(stems).sum(dim=0)
    estimate = 0.9 * bass + 0.2 * mixture.roll(3, dims=-1)
    ratios = bss_eval(estimate, bass, mixture - bass, window=2000)
    expected = {
        "si_sdr": si_sdr(estimate, bass),
        "si_sdr_improvement": si_sdr(estimate, bass) - si_sdr(mixture, bass),
        "sdr": sdr(estimate, bass),
        "snr": sdr(estimate, bass),
        "sir": ratios.sir,
        "sar": ratios.sar,
        "reference_db": 10 * (bass.square().sum() / mixture.square().sum()).log10(),
        "estimate_db": 10 * (estimate.square().sum() / mixture.square().sum()).log10(),
        "reference_energy": bass.square().sum(),
        "error_energy": (estimate - bass).square().sum(),
    }
    assert {name: row[name] for name in expected} == pytest.approx({k: v.item() for k, v in expected.items()}, rel=1e-4)
    assert row["framewise_sir"] == pytest.approx(ratios.framewise_sir.tolist(), rel=1e-4)
    frame = si_sdr(estimate[:, 2000:4000], bass[:, 2000:4000]).item()
    assert len(row["framewise_si_sdr"]) == 4 and row["framewise_si_sdr"][1] == pytest.approx(frame, rel=1e-4)
    gained = frame - si_sdr(mixture[:, 2000:4000], bass[:, 2000:4000]).item()
    assert row["framewise_si_sdr_improvement"][1] == pytest.approx(gained, rel=1e-4)
    absent = rows.row(7, named=True)
    assert all(absent[name] is None for name in (*METRICS, *FRAMEWISE, "failure"))
    assert absent["reference_db"] == -100 and absent["estimate_db"] == pytest.approx(10 * np.log10(0.04), abs=0.01)


def test_batches_make_no_difference(corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    measurer = ChunkMeasurer(Made(_blurred), NODES, hierarchy, settings)
    together = measurer.measure_song(corpus.tracks[0], (0, 8000, 16000))
    apart = pl.concat([measurer.measure_song(corpus.tracks[0], (start,)) for start in (0, 8000, 16000)])
    assert together.equals(apart)


def test_what_an_estimator_is_given_and_may_give(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    batches: list[tuple[str, int, tuple[int, ...]]] = []
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)

    def learned(batch: Batch) -> Waveform:
        batches.append((batch.track, batch.sample_rate, batch.starts))
        return weight * batch.truth

    rows = ChunkMeasurer(Made(learned), NODES, hierarchy, settings).measure_song(corpus.tracks[1], (0, 16000))
    assert batches == [("1", 4000, (0, 16000))] and rows["failure"].null_count() == 8


def test_only_the_wanted_nodes_and_no_sir(corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    every = ChunkMeasurer(Made(_blurred), NODES, hierarchy, settings).measure_song(corpus.tracks[0], (0,))
    wanted = ("accompaniment/bass", "vocals")
    some = ChunkMeasurer(Made(_blurred), wanted, hierarchy, replace(settings, bss=False)).measure_song(
        corpus.tracks[0], (0,)
    )
    assert some["node"].to_list() == list(wanted)
    assert some["si_sdr"].to_list() == [every["si_sdr"][2], every["si_sdr"][0]]
    assert some["sir"].null_count() == 2 == some["framewise_sar"].null_count()


def test_what_is_quiet_alone_and_salient(tmp_path: Path, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    """A stem of 1/100 of the other's amplitude: -40 dB; noise in ±0.1 has an RMS of -24.8 dBFS."""
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass"]])
    file = corpus.tracks[0].stems[1].file.path
    audio, rate = soundfile.read(file)
    soundfile.write(file, audio / 100, rate, "FLOAT")
    measure = ChunkMeasurer(Made(_blurred), NODES[:2], hierarchy, settings)
    rows = measure.measure_song(corpus.tracks[0], (0,))
    assert rows["status"].to_list() == ["alone", "quiet"] and rows["si_sdr"].null_count() == 2
    assert rows["salient"].to_list() == [True, False]
    lower = ChunkMeasurer(Made(_blurred), NODES[:2], hierarchy, replace(settings, quiet=-45.0)).measure_song(
        corpus.tracks[0], (0,)
    )
    assert lower["status"].to_list() == ["counted", "counted"]


def test_silent_estimates_are_undefined_not_lost(
    corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    silent = Made(lambda batch: torch.zeros_like(batch.truth))
    rows = ChunkMeasurer(silent, NODES[:1], hierarchy, settings)
    rows = replace(rows, estimator=replace(silent, nodes=NODES[:1])).measure_song(corpus.tracks[0], (0,))
    assert rows["si_sdr"].is_nan().all() and rows["sir"].is_nan().all() and rows["sdr"][0] == 0


def _fails_at_two_seconds(batch: Batch) -> Waveform:
    if (batch.mixture == BAD[0]).all(dim=-1).any():
        raise RuntimeError("no more memory")
    return batch.truth


BAD: list[torch.Tensor] = []


def test_a_failing_chunk_leaves_the_others(corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    BAD[:] = [sum(_stem(corpus, 0, number) for number in range(3))[:, 8000:16000]]
    measurer = ChunkMeasurer(Made(_fails_at_two_seconds), NODES, hierarchy, settings)
    rows = measurer.measure_song(corpus.tracks[0], (0, 8000, 16000))
    failed = rows.filter(status="failed")
    assert failed["start"].to_list() == [2.0] * 4
    assert failed["failure"].unique().to_list() == ["RuntimeError: no more memory"]
    assert len(rows) == 12 and rows.filter(status="counted")["sdr"].to_list() == [100.0] * 6


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda batch: batch.truth * torch.nan, "the estimates hold NaN or infinity"),
        (lambda batch: batch.truth / 0, "the estimates hold NaN or infinity"),
        (lambda batch: batch.truth[..., :-1], "the estimates' shape is (1, 4, 1, 7999) and not (1, 4, 1, 8000)"),
        (lambda batch: [][0], "IndexError: list index out of range"),
        (lambda batch: (_ for _ in ()).throw(SplitterError("its weights are damaged")), "its weights are damaged"),
    ],
)
def test_reasons(make, reason: str, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    rows = ChunkMeasurer(Made(make), NODES, hierarchy, settings).measure_song(corpus.tracks[0], (0, 8000))
    assert rows["status"].unique().to_list() == ["failed"] and rows["failure"].unique().to_list() == [reason]


def test_stems_that_cannot_be_read(corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    measurer = ChunkMeasurer(Made(_blurred), NODES, hierarchy, settings)
    file = corpus.tracks[0].stems[0].file.path
    soundfile.write(file, np.full(24000, np.nan), 4000, "FLOAT")
    (reason,) = measurer.measure_song(corpus.tracks[0], (0,))["failure"].unique()
    assert "holds NaN or infinity at sample 0" in reason
    file.unlink()
    (reason,) = measurer.measure_song(corpus.tracks[0], (0, 8000))["failure"].unique()
    assert "0.wav" in reason and "No such file" in reason
