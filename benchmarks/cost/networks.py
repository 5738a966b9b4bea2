"""Measure the cost of networks, in one thread.

    python benchmarks/cost/networks.py [PART...]

Parts, by default all:

- ``separation``: the two U-Nets of Spleeter as published, with another memory layout, and as they run here
- ``default``: the default model in float32 and bfloat16, beside products of large matrices in the same run
- ``shipped``: the networks that come along, as they run
- ``gradients``: the default model's network forwards and back, in float32, with torch's own gradients and as it trains
- ``heads``, ``folded``, ``recurrent``: training steps, in seconds of audio per second of CPU time
- ``compiled``: the default model by torch.compile, which needs g++
- ``literature``: networks of the literature at their published sizes, masks of four stems of a block; on a GPU too, if
  there is one. Not among the default: it takes minutes. ``literature:scnet`` measures one, ``literature:query`` what
  takes a query, of which each answer costs as much
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from stemtree.corpora.track import Corpus
from stemtree.hierarchy import load
from stemtree.losses import Truth, tpsa_mse
from stemtree.masks.relation import Relation, make_relation
from stemtree.memory import keep_freed_memory
from stemtree.model import Model, load_model, make_model
from stemtree.model_files import has_model
from stemtree.networks.folded_conv import Band, FoldedConvSettings
from stemtree.networks.kernels import fuse_batch_norms
from stemtree.networks.layers import convolve
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.separation.splitters.abilities import DEFAULT_MODEL, DRUM_MODEL, QUERY_MODEL
from stemtree.separation.splitters.spleeter_weights import (
    CHECKPOINTS,
    build_network,
    checkpoint_folder,
    read_checkpoints,
)
from stemtree.spectral import Stft, log_magnitude, salient_bins
from stemtree.training.configuration import available, read_settings
from stemtree.training.initial_model import make_card
from stemtree.training.targets import training_targets

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
    """CPU seconds: the minimum of `times` runs after a first."""
    figures = []
    for _ in range(times + 1):
        start = time.process_time()
        run()
        figures.append(time.process_time() - start)
    return min(figures[1:])


def cost(networks: list[torch.nn.Module], magnitude: torch.Tensor) -> float:
    """CPU seconds per second of audio."""

    def run() -> None:
        with torch.inference_mode():
            for network in networks:
                network(magnitude)

    return least(run, 7) / SECONDS


def separation() -> None:
    """Measure Spleeter's networks on one block."""
    magnitude = torch.rand(1, 2, 512, 1024)
    channels_last = magnitude.contiguous(memory_format=torch.channels_last)
    published = [published_network(name) for name in CHECKPOINTS]
    print(f"as published: {cost(published, magnitude):.4f} CPU s per s")
    for network in published:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(f"channels-last: {cost(published, channels_last):.4f}")
    ours = [build_network(checkpoint) for checkpoint in read_checkpoints(checkpoint_folder())]
    cpu = cost(ours, channels_last)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        for network in ours:
            network(channels_last)
    rate = counter.get_total_flops() / 2 / SECONDS / cpu / 1e9
    print(f"as they run now (see `stemtree.networks.kernels`): {cpu:.4f}, {rate:.0f} billion multiply-adds per second")


def default() -> None:
    """Measure the default model on one block of a separation, and the rate of products of matrices on this core."""
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
                cpu = least(partial(network, features), 7) / SECONDS
            rate = f"{work / cpu / 1e9:.0f} of {peak:.0f} billion multiply-adds per second"
            print(f"default model, {kind}, {step}: {cpu:.4f} CPU s per s, {rate} (products of matrices)")


def shipped() -> None:
    """Measure the networks that come along as they run, on one block."""
    features = log_magnitude(Stft().analyse(torch.randn(2, 4096 + 511 * 1024)))[None]
    for name, folder in (("default model", DEFAULT_MODEL), ("drum pieces", DRUM_MODEL)):
        network = fuse_batch_norms(load_model(folder).network)
        print(f"{name}: {cost([network], features):.4f} CPU s per s")
    if has_model(QUERY_MODEL):
        model = load_model(QUERY_MODEL)
        fuse_batch_norms(model.network)
        mixture = model.card.stft.transform(torch.randn(1, 2, int(SECONDS * model.card.stft.sample_rate)))
        with torch.inference_mode():
            anchor = model.anchor(mixture)
            for answers in (1, 17):
                cpu = least(lambda: list(model.estimates_for(mixture, [anchor] * answers)), 5) / SECONDS  # noqa: B023
                print(f"queries, {answers} answers: {cpu:.4f} CPU s per s")


def gradients() -> None:
    """Measure the default model's network on six examples of 4 s, forwards and back."""
    network = load_model(DEFAULT_MODEL).network.train().requires_grad_(True)
    features = torch.randn(6, 2, 2049, 173)

    def run() -> None:
        network.zero_grad()
        network(features).square().mean().backward()

    fast = convolve.fast
    for name, way in (("torch's own gradients", convolve.plain), ("as it trains", fast)):
        convolve.fast = way
        print(f"default model, {name}: {least(run, 3):.2f} CPU s forwards and back")
    convolve.fast = fast


def compiled() -> None:
    """Measure the default model with and without torch.compile, in turns."""
    network = fuse_batch_norms(load_model(DEFAULT_MODEL).network)
    features = log_magnitude(Stft().analyse(torch.randn(2, 4096 + 511 * 1024)))[None]
    faster = torch.compile(network, dynamic=False)
    figures = [[cost([one], features) for one in (network, faster)] for _ in range(3)]
    print("default model, as it runs and compiled:", *(f"{run:.4f} / {other:.4f}" for run, other in figures))


def literature(names: list[str]) -> None:
    """Measure the networks of the configurations ``networks/…``; of all where none is named."""
    for name in names or [name for name in available() if name.startswith("networks/")]:
        settings = read_settings([name if name in available() else f"networks/{name}"])
        hierarchy = load(settings.hierarchy)
        card = make_card(settings, training_targets(settings, hierarchy), Corpus(Path(), "musdb18-hq", "musdb18", ()))
        model = make_model(card)
        model.network.eval()
        figures = [f"{sum(p.numel() for p in model.network.parameters()) / 1e6:.1f} M"]
        figures.append(f"{masks_cost(model, 'cpu'):.2f} CPU s per s")
        if torch.cuda.is_available():
            figures.append(f"{masks_cost(model, 'cuda'):.4f} GPU s per s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name}: {', '.join(figures)}, peak so far {peak:.0f} MB", flush=True)


def masks_cost(model: Model, device: str, seconds: float = 6.0) -> float:
    """Seconds per second of audio: of CPU time, or of a GPU from start to end."""
    stft = model.card.stft
    mixture = stft.transform(torch.randn(1, 2, int(seconds * stft.sample_rate), device=device))
    query = mixture if model.takes_query else None
    model.network.to(device)

    def run() -> None:
        with torch.inference_mode():
            model.part_masks(mixture, query)

    if device == "cpu":
        return least(run, 1) / seconds
    run()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(5):
        run()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / 5 / seconds


class Training:
    """Training steps of a network on noise: features, network, masks, loss, gradients, Adam; 16 kHz mono, 1024/512."""

    def __init__(self, settings: NetworkSettings, relation: Relation, batch: int, frames: int, bf16: bool) -> None:
        self.network = settings.build(513, 1, relation.outputs)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.relation, self.bf16, self.seconds = relation, bf16, batch * frames * 512 / 16000
        nodes = torch.randn(batch, len(relation.nodes), 1, 513, frames, dtype=torch.complex64)
        self.truth = Truth(nodes.sum(dim=1), nodes, torch.ones(batch, len(relation.nodes)))
        _ = self.truth.in_phase  # computed once, outside the measured step
        self.takes_query = settings.takes_query

    def step(self) -> None:
        """Run one step."""
        features = log_magnitude(self.truth.mixture)
        query = (features, salient_bins(features)) if self.takes_query else ()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.network(features, *query)
        self.optimizer.zero_grad()
        tpsa_mse(self.relation.estimate(logits), self.truth).backward()
        self.optimizer.step()

    def report(self, name: str, times: int = 5) -> None:
        """Measure some steps and print the result."""
        cpu = least(self.step, times)
        parameters = sum(parameter.numel() for parameter in self.network.parameters()) / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{name}: {self.seconds / cpu:.1f} audio s per CPU s, {cpu:.2f} CPU s a step, {parameters:.2f} M, "
            f"peak so far {peak:.0f} MB",
            flush=True,
        )


def folded() -> None:
    """Measure folded convolutional networks of several widths."""
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
    """Measure the mask relations."""
    for kind in ("direct", "constrained", "sequential", "tree"):
        relation = make_relation(kind, SLAKH, ALL)
        Training(FoldedConvSettings(), relation, batch=8, frames=126, bf16=True).report(f"{kind}, {len(ALL)} nodes")


def recurrent() -> None:
    """Measure the poster's networks."""
    relation = make_relation("direct", SLAKH, GUITAR)
    for settings in (MaskInferenceSettings(), QueryByExampleSettings()):
        Training(settings, relation, batch=25, frames=313, bf16=False).report(f"{settings.kind}, 25 x 10 s", times=1)


def main() -> None:
    parts = {
        "separation": separation,
        "default": default,
        "shipped": shipped,
        "gradients": gradients,
        "recurrent": recurrent,
        "heads": heads,
        "folded": folded,
    }
    parts["compiled"] = compiled
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    options = parser.parse_args()
    named = [name.partition(":") for name in options.parts]
    if networks := [network for name, _, network in named if name == "literature"]:
        torch.set_num_threads(1)
        literature([network for network in networks if network])
        options.parts = [name for name in options.parts if name.partition(":")[0] != "literature"]
        if not options.parts:
            return
    if unknown := [name for name in options.parts if name not in parts]:
        parser.error(f"there is no part '{unknown[0]}': give some of {', '.join(parts)}")
    torch.set_num_threads(1)
    for name, part in parts.items():
        if name in (options.parts or parts):
            if name in ("heads", "folded"):
                keep_freed_memory()
            part()


if __name__ == "__main__":
    main()
