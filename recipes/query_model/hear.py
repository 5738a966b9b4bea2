r"""What a model that divides songs into components hears of a corpus, once and for all.

A part of a song is estimated as a sum of its components, :math:`E = \sum_k w_k C_k` with shares :math:`w_k`. How good
it is follows from products that do not depend on the shares:

.. math:: \mathrm{SI\text{-}SDR} = 10 \log_{10} \frac{p^2}{|S|^2 |E|^2 - p^2}, \quad
   p = \sum_k w_k \langle S, C_k \rangle, \quad |E|^2 = \sum_{kl} w_k w_l \langle C_k, C_l \rangle

where S is the spectrogram of the true part, with the scale-invariant ratio of Le Roux et al. (2019). So shares are
learned without going through a network again.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import Chunking
from stemtree.data.signals import is_salient, node_signals
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.model import Model
from stemtree.networks.component_query import ComponentQuery
from stemtree.spectral import salient_bins
from stemtree.staging import whole_file
from stemtree.types import Spectrogram

EXAMPLE = 4.0
"""Seconds of an example: those in which its stem is loudest."""

LEAST = 1e-3
"""Instruments with less of the song's energy, -30 dB, are not asked for."""


@dataclass(frozen=True)
class Heard:
    """What was heard of songs.

    Parameters
    ----------
    gram : Tensor
        ``(song, component, component)``, products of components; the mixture's energy is 1.
    energy : Tensor
        ``(song,)``, of mixtures.
    title : Tensor
        ``(song,)``, a number that takes of a song have in common.
    there : Tensor
        ``(song, class)``: 1 where an instrument is salient, 0 where it does not play, -1 where it plays softly.
    answer : Tensor
        ``(answer, 2)``: song and class of each instrument that can be asked for.
    cross, of_mixture, power : Tensor
        ``(answer, level, component)`` products of components and true parts, from the instrument up to the family of
        its family; ``(answer, level)`` those of mixture and true parts; energies of true parts.
    example : Tensor
        ``(example, 2)``: title and class.
    sound : Tensor
        ``(example, value)``, of `ComponentQuery.sound`.
    """

    gram: Tensor
    energy: Tensor
    title: Tensor
    there: Tensor
    answer: Tensor
    cross: Tensor
    of_mixture: Tensor
    power: Tensor
    example: Tensor
    sound: Tensor

    def with_songs(self, others: "Heard") -> "Heard":
        """These and other songs."""
        joined = {name: torch.cat([getattr(self, name), getattr(others, name)]) for name in _NAMES}
        joined["answer"][len(self.answer) :, 0] += len(self.gram)
        return Heard(**joined)


def read(files: Sequence[Path]) -> Heard:
    """What was heard of some corpora; there is at least one."""
    return reduce(Heard.with_songs, (Heard(**load_file(file)) for file in files))


@torch.inference_mode()
def hear(model: Model, targets: Sequence[NodePath], corpus: Corpus, songs: Iterable[Track], file: Path) -> None:
    """Write what the model hears of songs, the first 10 s of each."""
    listener = _Listener(model.network.eval(), model, tuple(targets), Chunking(), {name: [] for name in _NAMES})
    for number, track in enumerate(songs, start=1):
        listener.listen(track, number - 1)
        if not number % 20:
            print(f"{corpus.root}: {number} songs heard", flush=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as whole:
        save_file({name: torch.stack(values) for name, values in listener.rows.items()}, whole)


_NAMES = tuple(Heard.__dataclass_fields__)


@dataclass(frozen=True)
class _Listener:
    network: ComponentQuery
    model: Model
    targets: tuple[NodePath, ...]
    chunking: Chunking
    rows: dict[str, list[Tensor]]

    def listen(self, track: Track, number: int) -> None:
        """Add the rows of a song."""
        playing = [target for target in self.targets if track.stems_of(target)]
        nodes = sorted({node for target in playing for node in _path(target)})
        audio = node_signals(track, (MIXTURE, *nodes), 0, self.chunking.num_samples(track.sample_rate), mono=False)
        mixture, *parts = map(self._spectrogram, audio)
        total = float(_product(mixture, mixture))
        components = self.model.hear(mixture[None])[0].expand(-1, len(mixture), -1, -1).flatten(1)
        power = (mixture.real.square() + mixture.imag.square()).flatten()
        true = dict(zip(nodes, parts, strict=True))
        signals = dict(zip(nodes, audio[1:], strict=True))
        title = torch.tensor(zlib.crc32(re.sub(r"_\d{1,4}$", "", track.id).encode()))
        salient = [target for target in playing if is_salient(signals[target], self.chunking.threshold)]
        there = [1 if target in salient else -1 if target in playing else 0 for target in self.targets]
        self._add(
            gram=(components * power) @ components.T / max(total, 1e-12),
            energy=torch.tensor(total),
            title=title,
            there=torch.tensor(there),
        )
        for target in playing:
            if _product(true[target], true[target]) > LEAST * total:
                label = self.targets.index(target)
                self._answer(number, label, [true[node] for node in _path(target)], mixture, components, total)
                self._example(title, label, signals[target], track.sample_rate)

    def _answer(
        self, song: int, label: int, parts: list[Spectrogram], mixture: Spectrogram, components: Tensor, total: float
    ) -> None:
        products = [(part.real * mixture.real + part.imag * mixture.imag).flatten() for part in parts]
        self._add(
            answer=torch.tensor([song, label]),
            cross=torch.stack([components @ product for product in products]) / total,
            of_mixture=torch.stack([product.sum() for product in products]) / total,
            power=torch.stack([_product(part, part) for part in parts]) / total,
        )

    def _example(self, title: Tensor, label: int, signal: np.ndarray, rate: int) -> None:
        length = min(round(EXAMPLE * rate), signal.shape[1])
        starts = range(0, signal.shape[1] - length + 1, max(1, length // 2))
        start = max(starts, key=lambda start: float(np.square(signal[:, start : start + length]).sum()))
        features = self.model.features(self._spectrogram(signal[:, start : start + length])[None])
        sound, _ = self.network.sound(features, salient_bins(features).float())
        self._add(example=torch.stack([title, torch.tensor(label)]), sound=sound[0])

    def _spectrogram(self, audio: np.ndarray) -> Spectrogram:
        waveform = torch.from_numpy(np.ascontiguousarray(audio)).float()
        channels = self.model.card.num_channels
        waveform = waveform.expand(channels, -1) if len(waveform) == 1 else waveform[:channels]
        return self.model.card.stft.transform(waveform)

    def _add(self, **row: Tensor) -> None:
        for name, value in row.items():
            self.rows[name].append(value.clone())


def _path(target: NodePath) -> tuple[NodePath, ...]:
    """A node and all above it but the mixture, from below."""
    names = target.split("/")
    return tuple("/".join(names[:length]) for length in range(len(names), 0, -1))


def _product(one: Spectrogram, other: Spectrogram) -> Tensor:
    return (one.real * other.real + one.imag * other.imag).sum()
