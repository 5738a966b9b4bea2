r"""Compare temperatures and thresholds of suppression of inactive nodes of a run's model on a corpus.

    python recipes/default_model/calibrate.py RUN CORPUS --sample 40 --temperature 1 1.25 --inactive-below 0 -22 \
        --position

Prints the mean SI-SDR improvement of the families (bass, percussion, other: the nodes beneath the model's root) and of
the instruments, and the loudness of absent leaves relative to the mixture; with `--leaves` both of every leaf too.
`--inactive-below 0` suppresses nothing; with `--position` masks follow where the leaves lie. The values chosen are
options of `publish.py`.
"""

import argparse
from dataclasses import dataclass
from itertools import product

import polars as pl
import torch

from stemtree.corpora.load import load_corpus
from stemtree.data.salience import Chunking
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.evaluation.evaluate import evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import NodePath, join, load
from stemtree.masks.activity import suppress_inactive
from stemtree.masks.position import follow_position_
from stemtree.model import Model, load_model
from stemtree.types import Masks, Waveform

Kept = dict[tuple[str, int], Masks]


@dataclass
class Calibrated(Chunkwise):
    """A model's conservative masks at a temperature, faded or not; what the network says is made once for all."""

    model: Model
    temperature: float
    level: float
    position: bool
    kept: Kept
    sample_rate: int = 44100
    name: str = "calibrated"

    @property
    def root(self) -> NodePath:
        """See `Estimator`."""
        return self.model.card.root

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """See `Estimator`."""
        return tuple(join(self.root, node) for node in self.model.card.nodes)

    def provenance(self) -> dict[str, object]:
        """See `Estimator`."""
        return {"name": self.name}

    @torch.inference_mode()
    def estimate(self, batch: Batch) -> Waveform:
        """See `Estimator`."""
        stft, sums = self.model.card.stft, self.model.relation.partition.sum_parts
        spectrograms = stft.transform(batch.mixture)
        estimates = []
        for spectrogram, start in zip(spectrograms, batch.starts, strict=True):
            key = (batch.track, start)
            if key not in self.kept:
                self.kept[key] = self.model.part_masks(spectrogram[None])[0].half()
            parts = self.kept[key].float() ** (1 / self.temperature)
            parts /= parts.sum(dim=0)
            if self.level:
                parts = suppress_inactive(parts, self.model.relation.partition, spectrogram, self.level)
            if self.position:
                parts = follow_position_(parts, spectrogram, stft.sample_rate)
            estimates.append(stft.inverse(sums(parts, dim=0) * spectrogram[None], batch.mixture.shape[-1]))
        return torch.stack(estimates)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("corpus")
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--kind", default="slakh")
    parser.add_argument("--hierarchy", default="ms21")
    parser.add_argument("--split")
    parser.add_argument("--leaves", action="store_true")
    parser.add_argument("--position", action="store_true")
    parser.add_argument("--temperature", type=float, nargs="+", default=[1.0, 1.25, 1.5])
    parser.add_argument("--inactive-below", type=float, nargs="+", default=[0.0, -26.0, -22.0])
    options = parser.parse_args()
    model, hierarchy = load_model(options.run), load(options.hierarchy)
    corpus = load_corpus(options.corpus, options.kind, hierarchy, split=options.split)
    settings = EvaluationSettings(
        Chunking(10.0, 10.0), root=model.card.root, sample=options.sample, mono=False, bss=False
    )
    families, kept = hierarchy.children(model.card.root), {}
    leaves = [join(model.card.root, node) for node in model.tree.leaves()]
    print("temperature  inactive below  families  instruments  absent leaves: mean, median")
    for temperature, level in product(options.temperature, options.inactive_below):
        rows = evaluate(
            Calibrated(model, temperature, level, options.position, kept), corpus, hierarchy, settings, workers=1
        )
        counted = rows.filter((pl.col("status") == "counted") & pl.col("si_sdr_improvement").is_finite())
        gained = [
            counted.filter(pl.col("node").is_in(nodes))["si_sdr_improvement"].mean() for nodes in (families, leaves)
        ]
        silent = rows.filter(pl.col("estimate_db").is_finite(), status="absent")
        absent = silent.filter(pl.col("node").is_in(leaves))["estimate_db"]
        print(
            f"{temperature:11} {level:15} {gained[0]:9.2f} {gained[1]:12.2f} {absent.mean():15.1f} "
            f"{absent.median():.1f}",
            flush=True,
        )
        for leaf in leaves if options.leaves else ():
            mean = counted.filter(node=leaf)["si_sdr_improvement"].mean()
            heard = silent.filter(node=leaf)["estimate_db"].mean()
            print(f"  {leaf}: improvement {mean:.2f}, when absent {heard:.1f}", flush=True)


if __name__ == "__main__":
    main()
