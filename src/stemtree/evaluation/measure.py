"""A row for each chunk and node: what the tables are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from stemtree.corpora.track import Track
from stemtree.data.signals import is_salient, node_signals
from stemtree.errors import EvaluationError, StemtreeError
from stemtree.evaluation.estimators.base import Batch, Estimator
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.metrics.bss_eval import bss_eval, sdr, snr
from stemtree.metrics.ratio import decibels, energy
from stemtree.metrics.si_sdr import si_sdr, si_sdr_improvement
from stemtree.metrics.statistics import frames
from stemtree.types import Waveform

METRICS = ("si_sdr", "si_sdr_improvement", "sdr", "snr", "sir", "sar")
"""Of whole chunks, in dB; null where they were not measured, NaN where they are not defined."""

FRAMEWISE = ("framewise_si_sdr", "framewise_sdr", "framewise_sir", "framewise_sar")
"""A list for each chunk, one value for each frame."""

COUNTED, QUIET, ALONE, ABSENT, FAILED = "counted", "quiet", "alone", "absent", "failed"
"""Measured; too far below the mixture; everything else too far below the mixture; silent; see ``failure``."""

STATUSES = (COUNTED, QUIET, ALONE, ABSENT, FAILED)

SCHEMA = pl.Schema(
    {
        "track": pl.String(),
        "start": pl.Float64(),  # seconds
        "node": pl.String(),
        "level": pl.Int32(),  # the node's own
        "target": pl.String(),  # the leaf that a query was of; null where none is taken
        "status": pl.String(),
        "salient": pl.Boolean(),
        "reference_db": pl.Float32(),  # the node's and the estimate's energy relative to the mixture's
        "estimate_db": pl.Float32(),
        **dict.fromkeys(METRICS, pl.Float32()),
        **dict.fromkeys(FRAMEWISE, pl.List(pl.Float32())),
        "reference_energy": pl.Float64(),  # sums of squares, for global figures
        "error_energy": pl.Float64(),
        "failure": pl.String(),
    }
)

_AT_ONCE = 1 << 24  # samples of estimates: enough chunks for recurrent networks, and some 64 MB for each step of a mask


@dataclass(frozen=True)
class Measurer:
    """Makes the rows of songs.

    Parameters
    ----------
    estimator : Estimator
        What is evaluated.
    nodes : tuple of NodePath
        Which of its nodes.
    hierarchy : Hierarchy
        The corpus's.
    settings : EvaluationSettings
        How.
    """

    estimator: Estimator
    nodes: tuple[NodePath, ...]
    hierarchy: Hierarchy
    settings: EvaluationSettings

    def song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """Rows of a song's chunks, node by node; those of a chunk that fails give the reason and nothing else."""
        length = self.settings.chunking.num_samples(track.sample_rate) * (1 if self.settings.mono else 2)
        size = max(1, _AT_ONCE // (length * len(self.estimator.nodes)))
        rows: list[dict[str, Any]] = []
        for first in range(0, len(starts), size):
            rows += self._try(track, starts[first : first + size])
        return pl.DataFrame(rows, schema=SCHEMA)

    def _try(self, track: Track, starts: Sequence[int]) -> list[dict[str, Any]]:
        try:
            return self._measure(track, starts)
        except Exception as error:  # whatever an estimator raises: the other chunks are not to be lost
            if len(starts) > 1:
                return [row for start in starts for row in self._try(track, [start])]
            kind = "" if isinstance(error, StemtreeError) else f"{type(error).__name__}: "
            return self._rows(track, starts[0], {"status": FAILED, "failure": f"{kind}{error}"})

    @torch.inference_mode()
    def _measure(self, track: Track, starts: Sequence[int]) -> list[dict[str, Any]]:
        estimator, mono = self.estimator, self.settings.mono
        length = self.settings.chunking.num_samples(track.sample_rate)
        paths = (self.settings.root, *estimator.nodes)
        read = [np.stack(node_signals(track, paths, start, length, mono=mono)) for start in starts]
        signals = torch.from_numpy(np.stack(read))
        truth = signals[:, 1:]
        batch = Batch(signals[:, 0], truth, track.sample_rate, track.id, tuple(starts))
        estimates = estimator.estimate(batch).to("cpu", torch.float32)
        if estimates.shape != truth.shape:
            raise EvaluationError(f"the estimates' shape is {tuple(estimates.shape)} and not {tuple(truth.shape)}")
        if not estimates.sum().isfinite():  # much faster than asking every sample
            raise EvaluationError("the estimates hold NaN or infinity")
        wanted = [estimator.nodes.index(node) for node in self.nodes]
        rows = []
        for start, mixture, true, estimate in zip(starts, signals[:, 0], truth, estimates, strict=True):
            columns = self._columns(estimate[wanted], true[wanted], mixture, track.sample_rate)
            rows += self._rows(track, start, *columns)
        return rows

    def _rows(self, track: Track, start: int, *columns: dict[str, Any]) -> list[dict[str, Any]]:
        """Say of each node where it is; `columns` are one for each node or one for all."""
        place = {"track": track.id, "start": start / track.sample_rate}
        each = columns if len(columns) == len(self.nodes) else columns * len(self.nodes)
        nodes = [place | {"node": node, "level": self.hierarchy.level(node)} for node in self.nodes]
        return [node | values for node, values in zip(nodes, each, strict=True)]

    def _columns(
        self, estimates: Waveform, truth: Waveform, mixture: Waveform, sample_rate: int
    ) -> list[dict[str, Any]]:
        """Measure one chunk: ``(node, channel, sample)`` estimates and true signals, ``(channel, sample)`` mixture."""
        loudest, reference = energy(mixture), energy(truth)
        levels = {
            "reference_db": decibels(reference, loudest),
            "estimate_db": decibels(energy(estimates), loudest),
            "reference_energy": reference,
            "error_energy": energy(estimates - truth),
        }
        columns: list[dict[str, Any]] = [
            {name: float(value) for name, value in zip(levels, values, strict=True)}
            for values in zip(*levels.values(), strict=True)
        ]
        for column, signal in zip(columns, truth, strict=True):
            column["status"] = self._status(signal, mixture)
            column["salient"] = is_salient(signal.numpy(), self.settings.chunking.threshold)
        counted = torch.tensor([column["status"] == COUNTED for column in columns])
        if counted.any():
            metrics = self._metrics(estimates[counted], truth[counted], mixture, sample_rate)
            for index, number in enumerate(counted.nonzero().flatten().tolist()):
                columns[number] |= {name: values[index].tolist() for name, values in metrics.items()}
        return columns

    def _status(self, signal: Waveform, mixture: Waveform) -> str:
        if energy(signal) == 0:
            return ABSENT
        if decibels(energy(signal), energy(mixture)) < self.settings.quiet:
            return QUIET
        if decibels(energy(mixture - signal), energy(mixture)) < self.settings.quiet:
            return ALONE
        return COUNTED

    def _metrics(
        self, estimates: Waveform, truth: Waveform, mixture: Waveform, sample_rate: int
    ) -> dict[str, torch.Tensor]:
        window = round(self.settings.frame * sample_rate)
        framed = frames(estimates, window), frames(truth, window)
        values = {
            "si_sdr": si_sdr(estimates, truth),
            "si_sdr_improvement": si_sdr_improvement(estimates, truth, mixture),
            "sdr": sdr(estimates, truth),
            "snr": snr(estimates, truth),
            "framewise_si_sdr": si_sdr(*framed),
            "framewise_sdr": sdr(*framed),
        }
        if self.settings.bss:
            ratios = bss_eval(estimates, truth, mixture - truth, window=window)
            values |= {
                "sir": ratios.sir,
                "sar": ratios.sar,
                "framewise_sir": ratios.framewise_sir,
                "framewise_sar": ratios.framewise_sar,
            }
        return values
