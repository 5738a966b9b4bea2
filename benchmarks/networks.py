"""What the two U-Nets of Spleeter cost, and what made them cheaper: ``python benchmarks/networks.py``."""

import time

import torch
from quality import published_network
from torch.utils.flop_counter import FlopCounterMode

from stemtree.separation.spleeter import CHECKPOINTS, Spleeter

SECONDS = 512 * 1024 / 44100


def cost(networks: list[torch.nn.Module], magnitude: torch.Tensor) -> float:
    """CPU seconds per second of audio: the least of seven runs."""
    spent = []
    with torch.inference_mode():
        for _ in range(8):
            start = time.process_time()
            for network in networks:
                network(magnitude)
            spent.append((time.process_time() - start) / SECONDS)
    return min(spent[1:])


def main() -> None:
    torch.set_num_threads(1)
    magnitude = torch.rand(1, 2, 512, 1024)
    last = magnitude.contiguous(memory_format=torch.channels_last)
    published = [published_network(name) for name in CHECKPOINTS]
    print(f"as published: {cost(published, magnitude):.4f} CPU s per s")
    for network in published:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(f"channels-last: {cost(published, last):.4f}")
    ours = list(Spleeter()._networks)
    spent = cost(ours, last)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        for network in ours:
            network(last)
    rate = counter.get_total_flops() / 2 / SECONDS / spent / 1e9
    print(f"and a sub-pixel convolution at the end: {spent:.4f}, {rate:.0f} billion multiply-adds per second")


if __name__ == "__main__":
    main()
