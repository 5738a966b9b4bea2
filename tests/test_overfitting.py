"""Every head on a small network learns one batch of a small band by heart, close to what masks can reach at all."""

import numpy as np
import pytest
import torch
from support.audio import si_sdr

from stemtree.hierarchy import Hierarchy, Node
from stemtree.losses import Truth, tpsa_mse
from stemtree.masks.ideal import phase_sensitive
from stemtree.masks.relation import RELATIONS, make_relation
from stemtree.networks.folded_conv import FoldedConvSettings
from stemtree.spectral import log_magnitude

RATE, SECONDS, WINDOW, HOP = 8000, 1.0, 512, 256
TIME = np.arange(int(RATE * SECONDS)) / RATE
BAND = Hierarchy(
    "band",
    Node(
        "mixture",
        (
            Node("vocals"),
            Node("accompaniment", (Node("drums"), Node("rest", (Node("guitar"), Node("piano"))))),
        ),
    ),
)
STEPS, RATE_OF_LEARNING = 160, 3e-2


def _notes(random: np.random.Generator, lowest: float, count: int, partials: int, decay: float) -> np.ndarray:
    """Struck or plucked notes at random times: partials that fade."""
    sound = np.zeros_like(TIME)
    for start in random.uniform(0, SECONDS - 0.2, count):
        pitch, since = lowest * 2 ** (random.integers(24) / 12), np.maximum(TIME - start, 0)
        for partial in range(1, partials + 1):
            if partial * pitch < RATE / 2:
                sound += np.sin(2 * np.pi * partial * pitch * since) * np.exp(-decay * since) / partial * (since > 0)
    return sound


def _song(seed: int) -> torch.Tensor:
    """``(leaf, sample)``, all leaves equally loud."""
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.cumsum(220 + 8 * np.sin(2 * np.pi * 5 * TIME)) / RATE
    sung = sum(np.sin(partial * phase) / partial for partial in range(1, 8)) * (np.sin(8 * TIME + seed) > 0)
    drums = random.normal(size=len(TIME)) * (np.exp(-20 * (TIME % 0.5)) + 0.3 * np.exp(-60 * (TIME % 0.25)))
    leaves = [sung, drums, _notes(random, 110, 5, 10, 3), _notes(random, 220, 7, 4, 5)]
    return torch.tensor(np.stack([0.1 * leaf / leaf.std() for leaf in leaves]), dtype=torch.float32)


def _batch() -> tuple[torch.Tensor, Truth]:
    """Two songs: the nodes' signals ``(batch, node, sample)``, and their spectrograms."""
    songs = torch.stack([_song(0), _song(1)])
    belongs = torch.tensor([[leaf in BAND.leaves(node) for leaf in BAND.leaves()] for node in BAND.paths]).float()
    signals = belongs @ songs
    nodes, mixture = _spectrogram(signals), _spectrogram(songs.sum(dim=1, keepdim=True))
    return signals, Truth(mixture, nodes.unsqueeze(2), torch.ones(2, len(BAND.paths)))


def _spectrogram(signals: torch.Tensor) -> torch.Tensor:
    spectrogram = torch.stft(signals.flatten(0, 1), WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True)
    return spectrogram.unflatten(0, signals.shape[:2])


def _improvements(masks: torch.Tensor, signals: torch.Tensor, truth: Truth) -> dict[int, float]:
    """Mean SI-SDR improvement of the nodes of each level in dB."""
    spectrogram = (masks * truth.mixture.unsqueeze(1)).flatten(0, 2)
    estimates = torch.istft(spectrogram, WINDOW, HOP, window=torch.hann_window(WINDOW), length=len(TIME))
    mixtures = torch.stack([signals[:, BAND.paths.index(path)] for path in BAND.at_level(3)]).sum(dim=0)
    gains: dict[str, list[float]] = {path: [] for path in BAND.paths}
    for song, estimate in enumerate(estimates.view_as(signals).numpy()):
        for node, path in enumerate(BAND.paths):
            truly = signals[song, node].numpy()
            gains[path].append(si_sdr(estimate[node], truly) - si_sdr(mixtures[song].numpy(), truly))
    return {level: float(np.mean([gains[path] for path in BAND.at_level(level)])) for level in (1, 2, 3)}


def _oracle(truth: Truth) -> torch.Tensor:
    """Phase-sensitive masks, the best of the ideal ones; at every level those that add up to the mixture."""
    masks = torch.zeros(truth.nodes.shape)
    for song, (mixture, nodes) in enumerate(zip(truth.mixture, truth.nodes, strict=True)):
        for level in (1, 2, 3):
            numbers = [BAND.paths.index(path) for path in BAND.at_level(level)]
            masks[song, numbers] = phase_sensitive(nodes[numbers], mixture)
    return masks


@pytest.mark.parametrize("kind", RELATIONS)
def test_learns_a_batch_by_heart(kind: str) -> None:
    """To within 1.5 dB of the oracle's improvement at every level, in evaluation mode."""
    torch.manual_seed(0)
    signals, truth = _batch()
    features = log_magnitude(truth.mixture)
    sources = {"accompaniment/rest/guitar": "accompaniment"} if kind == "mixed" else None
    relation = make_relation(kind, BAND, BAND.paths, sources)
    settings = FoldedConvSettings(widths=(32, 48), units=64)
    network = settings.build(WINDOW // 2 + 1, 1, relation.outputs)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE_OF_LEARNING, total_steps=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        tpsa_mse(relation.estimate(network(features)), truth).backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        reached = _improvements(relation(network(features)), signals, truth)
    best = _improvements(_oracle(truth), signals, truth)
    assert all(reached[level] > best[level] - 1.5 for level in (1, 2, 3)), (reached, best)
