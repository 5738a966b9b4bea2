"""What networks cost: ``python benchmarks/cost/networks.py [separation] [default] [heads] [folded] ...``; or all.

``separation``: the two U-Nets of Spleeter, and what made them cheaper. ``default``: the default model in both widths
of numbers, against products of large matrices in the same run. ``heads``, ``folded`` and ``recurrent``: steps
of training, all on one thread, in seconds of audio per second of CPU time. ``compiled``: the default model by
torch.compile, which needs g++.
"""

import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from stemtree.hierarchy import load
from stemtree.losses import Truth, tpsa_mse
from stemtree.masks.relation import Relation, make_relation
from stemtree.memory import keep_freed_memory
from stemtree.model import load_model
from stemtree.networks.folded_conv import Band, FoldedConvSettings
from stemtree.networks.kernels import fuse_batch_norms
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.separation.splitters.registry import DEFAULT_MODEL
from stemtree.separation.splitters.spleeter_weights import (
    CHECKPOINTS,
    build_network,
    checkpoint_folder,
    read_checkpoints,
)
from stemtree.spectral import Stft, log_magnitude, salient_bins

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # each benchmark is a script
from spleeter_parity import published_network

SECONDS = 512 * 1024 / 44100
SLAKH = load("slakh").prune(3)
ALL = tuple(path for path in SLAKH.paths if len(SLAKH.children(path)) != 1)
GUITAR = (
    "strings_guitar_keyboards/guitar/clean_guitars",
    "strings_guitar_keyboards/guitar",
    "strings_guitar_keyboards",
)


def least(run: Callable[[], object], times: int) -> float:
    """The least CPU time of so many runs after a first."""
    spent = []
    for _ in range(times + 1):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return min(spent[1:])


def cost(networks: list[torch.nn.Module], magnitude: torch.Tensor) -> float:
    """CPU seconds per second of audio."""

    def run() -> None:
        with torch.inference_mode():
            for network in networks:
                network(magnitude)

    return least(run, 7) / SECONDS


def separation() -> None:
    magnitude = torch.rand(1, 2, 512, 1024)
    last = magnitude.contiguous(memory_format=torch.channels_last)
    published = [published_network(name) for name in CHECKPOINTS]
    print(f"as published: {cost(published, magnitude):.4f} CPU s per s")
    for network in published:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(f"channels-last: {cost(published, last):.4f}")
    ours = [build_network(checkpoint) for checkpoint in read_checkpoints(checkpoint_folder())]
    spent = cost(ours, last)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        for network in ours:
            network(last)
    rate = counter.get_total_flops() / 2 / SECONDS / spent / 1e9
    print(
        f"as they run now (see `stemtree.networks.kernels`): {spent:.4f}, {rate:.0f} billion multiply-adds per second"
    )


def default() -> None:
    """The default model on one block of the walk, and what this core reaches with nothing but multiply-adds."""
    network = load_model(DEFAULT_MODEL).network
    features = log_magnitude(torch.randn(1, 2, 2049, 512, dtype=torch.complex64))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(features)
    work = counter.get_total_flops() / 2 / SECONDS
    for step in ("as trained", "batch norms fused"):
        if step == "batch norms fused":
            fuse_batch_norms(network)
        for kind in (torch.float32, torch.bfloat16):
            square = torch.randn(2048, 2048).to(kind)
            peak = 2048**3 / least(partial(torch.mm, square, square), 5) / 1e9
            with torch.inference_mode(), torch.autocast("cpu", kind, enabled=kind == torch.bfloat16):
                spent = least(partial(network, features), 7) / SECONDS
            rate = f"{work / spent / 1e9:.0f} of {peak:.0f} billion multiply-adds per second"
            print(f"default model, {kind}, {step}: {spent:.4f} CPU s per s, {rate} (products of matrices)")


def compiled() -> None:
    """The default model as it runs and by torch.compile, by turns."""
    network = fuse_batch_norms(load_model(DEFAULT_MODEL).network)
    features = log_magnitude(Stft().analyse(torch.randn(2, 4096 + 511 * 1024)))[None]
    faster = torch.compile(network, dynamic=False)
    spent = [[cost([one], features) for one in (network, faster)] for _ in range(3)]
    print("default model, as it runs and compiled:", *(f"{run:.4f} / {other:.4f}" for run, other in spent))


class Training:
    """Steps of one network on noise: features, network, masks, loss, gradients, Adam; 16 kHz mono, 1024/512."""

    def __init__(self, settings: NetworkSettings, relation: Relation, batch: int, frames: int, bf16: bool) -> None:
        self.network = settings.build(513, 1, relation.outputs)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.relation, self.bf16, self.seconds = relation, bf16, batch * frames * 512 / 16000
        nodes = torch.randn(batch, len(relation.nodes), 1, 513, frames, dtype=torch.complex64)
        self.truth = Truth(nodes.sum(dim=1), nodes, torch.ones(batch, len(relation.nodes)))
        _ = self.truth.in_phase  # made once: no part of the cost
        self.asks = isinstance(settings, QueryByExampleSettings)

    def step(self) -> None:
        """Do one."""
        features = log_magnitude(self.truth.mixture)
        query = (features, salient_bins(features)) if self.asks else ()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.network(features, *query)
        self.optimizer.zero_grad()
        tpsa_mse(self.relation.estimate(logits), self.truth).backward()
        self.optimizer.step()

    def report(self, name: str, times: int = 5) -> None:
        """Measure and print."""
        spent = least(self.step, times)
        parameters = sum(parameter.numel() for parameter in self.network.parameters()) / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{name}: {self.seconds / spent:.1f} audio s per CPU s, {spent:.2f} CPU s a step, {parameters:.2f} M, "
            f"peak so far {peak:.0f} MB",
            flush=True,
        )


def folded() -> None:
    relation = make_relation("direct", SLAKH, ALL)
    for settings in (
        FoldedConvSettings(),
        FoldedConvSettings(bands=(Band(fold=8),), widths=(48, 64, 96, 128)),
        FoldedConvSettings(bands=(Band(fold=8),), widths=(64, 96, 128, 160)),
    ):
        for bf16 in (False, True):
            name = f"fold {settings.bands[0].fold} {settings.widths} {'bf16' if bf16 else 'fp32'}"
            Training(settings, relation, batch=8, frames=126, bf16=bf16).report(name)


def heads() -> None:
    for kind in ("direct", "constrained", "sequential", "tree"):
        relation = make_relation(kind, SLAKH, ALL)
        Training(FoldedConvSettings(), relation, batch=8, frames=126, bf16=True).report(f"{kind}, {len(ALL)} nodes")


def recurrent() -> None:
    relation = make_relation("direct", SLAKH, GUITAR)
    for settings in (MaskInferenceSettings(), QueryByExampleSettings()):
        Training(settings, relation, batch=25, frames=313, bf16=False).report(f"{settings.kind}, 25 x 10 s", times=1)


def main() -> None:
    torch.set_num_threads(1)
    parts = {"separation": separation, "default": default, "recurrent": recurrent, "heads": heads, "folded": folded}
    parts["compiled"] = compiled
    for name, part in parts.items():
        if name in (sys.argv[1:] or parts):
            if name in ("heads", "folded"):
                keep_freed_memory()
            part()


if __name__ == "__main__":
    main()
