"""Measuring the chunks of songs: estimates and true signals in, rows out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from stemtree.corpora.track import Track
from stemtree.data.signals import is_salient, node_signals
from stemtree.errors import EvaluationError, NoQueryError, StemtreeError
from stemtree.evaluation.estimators.base import Batch, ChunkEstimator
from stemtree.evaluation.rows import SCHEMA, Status
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.status import statuses
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.metrics.bss_eval import bss_eval, sdr, snr
from stemtree.metrics.ratio import energy, ratio_db
from stemtree.metrics.si_sdr import si_sdr, si_sdr_improvement
from stemtree.metrics.statistics import split_windows
from stemtree.types import Waveform

_BATCH_SAMPLES = 1 << 24
"""Samples of the estimates in a batch, over all nodes: enough chunks for recurrent networks; 64 MB for each step."""

_Columns = dict[str, Any]
"""Values of a row by column; columns that it lacks are null."""


@dataclass(frozen=True)
class ChunkMeasurer:
    """Measures all nodes in every chunk.

    Parameters
    ----------
    estimator : ChunkEstimator
        What is measured.
    nodes : tuple of NodePath
        Which of its nodes.
    hierarchy : Hierarchy
        Of the corpus.
    settings : EvaluationSettings
        How to measure.
    """

    estimator: ChunkEstimator
    nodes: tuple[NodePath, ...]
    hierarchy: Hierarchy
    settings: EvaluationSettings

    queries_from = None
    """See `Measurer.queries_from`."""

    schema = SCHEMA
    """See `Measurer.schema`."""

    def measure_song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """See `Measurer.measure_song`; of a chunk that fails, the rows hold the reason and nothing else."""
        num_samples = self.settings.chunking.num_samples(track.sample_rate) * (1 if self.settings.mono else 2)
        size = max(1, _BATCH_SAMPLES // (num_samples * len(self.estimator.nodes)))
        rows: list[_Columns] = []
        for first in range(0, len(starts), size):
            rows += self._measure_or_fail(track, starts[first : first + size])
        return pl.DataFrame(rows, schema=SCHEMA)

    def _measure_or_fail(self, track: Track, starts: Sequence[int]) -> list[_Columns]:
        """Measure chunks together; if that fails, one by one, so that only those at fault are lost."""
        try:
            batch = self._read(track, starts)
            return self._measure(track, batch, self._estimate(batch))
        except Exception as error:  # an estimator may raise anything
            if len(starts) > 1:
                return [row for start in starts for row in self._measure_or_fail(track, [start])]
            kind = "" if isinstance(error, StemtreeError) else f"{type(error).__name__}: "
            status = Status.UNASKED if isinstance(error, NoQueryError) else Status.FAILED
            failed = {"status": status.value, "failure": f"{kind}{error}"}
            return self._rows(track, starts[0], [failed] * len(self.nodes))

    def _read(self, track: Track, starts: Sequence[int]) -> Batch:
        """Read the mixture and the true signals of the estimator's nodes."""
        length = self.settings.chunking.num_samples(track.sample_rate)
        paths = (self.settings.root, *self.estimator.nodes)
        chunks = [np.stack(node_signals(track, paths, start, length, mono=self.settings.mono)) for start in starts]
        signals = torch.from_numpy(np.stack(chunks))
        return Batch(signals[:, 0], signals[:, 1:], track.sample_rate, track.id, tuple(starts))

    @torch.inference_mode()
    def _estimate(self, batch: Batch) -> Waveform:
        """Return finite estimates of the true signals' shape, or raise an EvaluationError."""
        estimates = self.estimator.estimate(batch).to("cpu", torch.float32)
        if estimates.shape != batch.truth.shape:
            raise EvaluationError(
                f"the estimates' shape is {tuple(estimates.shape)} and not {tuple(batch.truth.shape)}"
            )
        if not estimates.sum().isfinite():  # much faster than testing every sample
            raise EvaluationError("the estimates hold NaN or infinity")
        return estimates

    @torch.inference_mode()
    def _measure(self, track: Track, batch: Batch, estimates: Waveform) -> list[_Columns]:
        selected = [self.estimator.nodes.index(node) for node in self.nodes]
        rows = []
        chunks = zip(batch.starts, batch.mixture, batch.truth, estimates, strict=True)
        for start, mixture, truth, estimate in chunks:
            columns = measure_chunk(estimate[selected], truth[selected], mixture, track.sample_rate, self.settings)
            rows += self._rows(track, start, columns)
        return rows

    def _rows(self, track: Track, start: int, columns: Sequence[_Columns]) -> list[_Columns]:
        """Complete the columns of each node by track, start, node and level."""
        place = {"track": track.id, "start": start / track.sample_rate}
        return [
            place | {"node": node, "level": self.hierarchy.level(node)} | values
            for node, values in zip(self.nodes, columns, strict=True)
        ]


def measure_chunk(
    estimates: Waveform, truth: Waveform, mixture: Waveform, sample_rate: int, settings: EvaluationSettings
) -> list[dict[str, Any]]:
    """Measure the nodes of one chunk.

    Parameters
    ----------
    estimates, truth : Waveform
        ``(node, channel, sample)``.
    mixture : Waveform
        ``(channel, sample)``.
    sample_rate : int
        In Hz.
    settings : EvaluationSettings
        How to measure.

    Returns
    -------
    list of dict
        For each node its columns of `stemtree.evaluation.rows.SCHEMA`; those that are missing are null.
    """
    columns = _energies(estimates, truth, mixture)
    of_nodes = statuses(truth, mixture.unsqueeze(-3), settings.quiet).tolist()
    for column, signal, status in zip(columns, truth, of_nodes, strict=True):
        column["status"] = status
        column["salient"] = is_salient(signal.numpy(), settings.chunking.threshold)
    counted = [number for number, column in enumerate(columns) if column["status"] == Status.COUNTED]
    if counted:
        metrics = _metrics(estimates[counted], truth[counted], mixture, sample_rate, settings)
        for index, number in enumerate(counted):
            columns[number] |= {name: values[index].tolist() for name, values in metrics.items()}
    return columns


def _energies(estimates: Waveform, truth: Waveform, mixture: Waveform) -> list[_Columns]:
    """Measure the loudness of true signals, estimates and errors, of each node."""
    mixture_energy, reference = energy(mixture), energy(truth)
    values = {
        "reference_db": ratio_db(reference, mixture_energy),
        "estimate_db": ratio_db(energy(estimates), mixture_energy),
        "reference_energy": reference,
        "error_energy": energy(estimates - truth),
    }
    return [{name: float(of_nodes[node]) for name, of_nodes in values.items()} for node in range(len(truth))]


def _metrics(
    estimates: Waveform, truth: Waveform, mixture: Waveform, sample_rate: int, settings: EvaluationSettings
) -> dict[str, torch.Tensor]:
    """Compute the columns of metrics: ``(node,)`` over the whole chunk, ``(node, window)`` framewise."""
    window = round(settings.window * sample_rate)
    windows = split_windows(estimates, window), split_windows(truth, window)
    improvement = si_sdr_improvement(*windows, split_windows(mixture, window))
    values = {
        "si_sdr": si_sdr(estimates, truth),
        "si_sdr_improvement": si_sdr_improvement(estimates, truth, mixture),
        "sdr": sdr(estimates, truth),
        "snr": snr(estimates, truth),
        "framewise_si_sdr": si_sdr(*windows),
        "framewise_si_sdr_improvement": improvement,
        "framewise_sdr": sdr(*windows),
    }
    if settings.bss:
        ratios = bss_eval(estimates, truth, mixture - truth, window=window)
        values |= {
            "sir": ratios.sir,
            "sar": ratios.sar,
            "framewise_sir": ratios.framewise_sir,
            "framewise_sar": ratios.framewise_sar,
        }
    return values
