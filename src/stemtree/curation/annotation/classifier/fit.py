"""Fitting the classifier of file names to an annotation that people made."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import torch
from torch.nn.functional import cross_entropy, embedding_bag

from stemtree.curation.annotation.classifier.classifier import Classifier, Member
from stemtree.curation.annotation.classifier.features import (
    FLAGS,
    Numbers,
    Sessions,
    arrange,
    as_arrays,
    describe,
    habits,
)
from stemtree.curation.annotation.classifier.file_names import Vocabulary, vocabulary
from stemtree.curation.annotation.labels import instruments
from stemtree.errors import CorpusError

Rows: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the classifier is fitted; the figures were chosen by cross-validation, where most make little difference.

    Parameters
    ----------
    members : int
        Networks that are averaged.
    dimensions, units : int
        Of embeddings, and of the hidden layer.
    steps : int
        Over all names at once.
    rate : float
        Highest learning rate, of the direct weights.
    dropout : float
        Of context and hidden layer.
    hide_words, hide_names, hide_artists : float
        How often a feature of a name, another name of its session, or whose song it is, is hidden, so that the rest has
        to do.
    decay : tuple of float
        Penalties on direct weights, embeddings and layers.
    phrase : float
        Weight of an entry of the vocabulary, against 1 of a name.
    rare : int
        Labels with fewer names than this have up to four times that weight.
    """

    members: int = 3
    dimensions: int = 48
    units: int = 96
    steps: int = 90
    rate: float = 0.04
    dropout: float = 0.5
    hide_words: float = 0.15
    hide_names: float = 0.3
    hide_artists: float = 0.5
    decay: tuple[float, float, float] = (0.15, 0.2, 0.6)
    phrase: float = 0.5
    rare: int = 10


@dataclass(frozen=True)
class _Bags:
    """A sparse matrix: for each row the columns that are not zero, and their values."""

    columns: torch.Tensor
    values: torch.Tensor
    starts: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[tuple[Sequence[int], Sequence[float]]]) -> "_Bags":
        """Make it from columns and values of every row."""
        lengths = [len(columns) for columns, _ in rows]
        return cls(
            torch.tensor([column for columns, _ in rows for column in columns], dtype=torch.int64),
            torch.tensor([value for _, values in rows for value in values], dtype=torch.float32),
            torch.tensor([0, *accumulate(lengths)][:-1]),
        )

    def times(self, matrix: torch.Tensor, values: torch.Tensor | None = None) -> torch.Tensor:
        """The product with a dense matrix, several times as fast as that of torch's sparse tensors."""
        weights = self.values if values is None else values
        return embedding_bag(self.columns, matrix, self.starts, mode="sum", per_sample_weights=weights)

    def thinned(self, share: float) -> torch.Tensor:
        """Its values, a share of them set to zero."""
        return self.values * (torch.rand(len(self.values)) > share)


@dataclass(frozen=True)
class _Data:
    """Names and the vocabulary's phrases, as tensors; phrases have no session."""

    features: _Bags
    habits: _Bags
    others: _Bags
    before: torch.Tensor
    after: torch.Tensor
    flags: torch.Tensor
    own: torch.Tensor
    entry: torch.Tensor
    song: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


def fit(
    rows: Rows,
    labels: Sequence[str],
    fitting: Fitting = Fitting(),
    words: Vocabulary | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Classifier:
    """Fit a classifier to names that a person labelled; its probabilities are not calibrated yet.

    Parameters
    ----------
    rows : sequence of (song, file)
        Whole sessions.
    labels : sequence of str
        Of those names.
    fitting : Fitting
        How.
    words : Vocabulary, optional
        By default the package's own.
    progress : callable, optional
        Told how many networks are done, and of how many.

    Raises
    ------
    CorpusError
        If there is no name, or a label that the table of labels does not know.
    """
    known = words or vocabulary()
    if not rows:
        raise CorpusError("there are no names to fit to: give an annotation with rows")
    if strange := sorted({*labels} - {*instruments()}):
        raise CorpusError(f"the label '{strange[0]}' is not one of the {len(instruments())}: correct it")
    columns = tuple(instruments())
    sessions = arrange(rows, known)
    described = [describe(one, known) for one in [*sessions.words, *known.phrases]]
    signed = [habits(sessions.songs[song], sessions.words[word]) for song, word in sessions.distinct.tolist()]
    lasting = _lasting(described, sessions, len(known.phrases))
    names = (*lasting, *sorted({name for one in signed for name in one}))
    data = _data(sessions, described, signed, names, labels, columns, known, fitting)
    networks = []
    for seed in range(fitting.members):
        networks.append(_train(data, len(names), len(lasting), len(columns), fitting, seed))
        if progress:
            progress(seed + 1, fitting.members)
    direct = np.mean([_array(network.direct) for network in networks], axis=0)
    bias = np.mean([_array(network.bias) + _array(network.output.bias) for network in networks], axis=0)
    return Classifier(columns, names, direct, bias, tuple(map(_member, networks)))


def _array(tensor: torch.Tensor) -> Numbers:
    return tensor.detach().numpy().astype(np.float32)


def _member(network: "_Network") -> Member:
    hidden, output = network.hidden, network.output
    parts = (network.embedding, hidden.weight.T, hidden.bias, output.weight.T)
    return Member(*map(_array, parts))


def _lasting(described: list[dict[str, float]], sessions: Sessions, phrases: int) -> tuple[str, ...]:
    """Features of the vocabulary's phrases, and those that names of several songs have."""
    songs = Counter(name for _, word in sessions.distinct.tolist() for name in described[word])
    given = {name for one in described[len(described) - phrases :] for name in one}
    return tuple(sorted(given | {name for name, count in songs.items() if count > 1}))


def _data(
    sessions: Sessions,
    described: list[dict[str, float]],
    signed: list[dict[str, float]],
    names: tuple[str, ...],
    labels: Sequence[str],
    columns: tuple[str, ...],
    known: Vocabulary,
    fitting: Fitting,
) -> _Data:
    index = {name: number for number, name in enumerate(names)}
    column = {label: number for number, label in enumerate(columns)}
    bags, whose = (
        _Bags.of([tuple(part.tolist() for part in as_arrays(one, index)) for one in each])
        for each in (described, [*signed, {}])
    )
    extra, count = len(known.phrases), len(labels)
    numbers = torch.arange(len(sessions.words), len(described))
    often = Counter(labels)
    boost = [min(4.0, max(1.0, fitting.rare / (often[label] + 1))) for label in known.phrases.values()]
    blank = torch.full((extra,), -1)
    return _Data(
        bags,
        whose,
        _others(sessions, extra),
        torch.cat([torch.tensor(sessions.before), blank]),
        torch.cat([torch.tensor(sessions.after), blank]),
        torch.cat([torch.tensor(sessions.flags), torch.zeros(extra, FLAGS)]),
        torch.cat([torch.tensor(sessions.own), numbers]),
        torch.cat([torch.tensor(sessions.entry), torch.full((extra,), len(signed))]),
        torch.cat([torch.tensor(sessions.distinct[:, 0]), torch.tensor([len(sessions.songs)])]),
        torch.tensor([column[label] for label in [*labels, *known.phrases.values()]]),
        torch.tensor([1.0] * count + [fitting.phrase * one for one in boost]) / count,
    )


def _others(sessions: Sessions, extra: int) -> _Bags:
    """What of its session is around a name: each of n other sequences of words, with 1/√n; nothing for `extra` more."""
    of_session: dict[int, list[int]] = {}
    for session, word in sessions.distinct.tolist():
        of_session.setdefault(session, []).append(word)
    rows: list[tuple[list[int], list[float]]] = []
    for session, own in zip(sessions.session.tolist(), sessions.own.tolist(), strict=True):
        others = [word for word in of_session[session] if word != own]
        rows.append((others, [max(len(others), 1) ** -0.5] * len(others)))
    return _Bags.of(rows + [([], [])] * extra)


class _Network(torch.nn.Module):
    """The network of `model`, with words, names and units hidden at random."""

    def __init__(self, features: int, described: int, labels: int, fitting: Fitting) -> None:
        super().__init__()
        self._fitting = fitting
        self.direct = torch.nn.Parameter(torch.zeros(features, labels))
        self.bias = torch.nn.Parameter(torch.zeros(labels))
        self.embedding = torch.nn.Parameter(torch.randn(described, fitting.dimensions) * 0.1)
        self.hidden = torch.nn.Linear(4 * fitting.dimensions + FLAGS, fitting.units)
        self.output = torch.nn.Linear(fitting.units, labels)
        torch.nn.init.zeros_(self.output.weight)
        self._drop = torch.nn.Dropout(fitting.dropout)

    def forward(self, data: _Data) -> torch.Tensor:
        """Logits ``(name, label)``."""
        hide = self._fitting.hide_names
        some = data.features.thinned(self._fitting.hide_words)
        weights = torch.cat([self.embedding, self.direct[: len(self.embedding)]], dim=1)
        both = data.features.times(weights, some)[data.own]
        own, direct = both[:, : self._fitting.dimensions], both[:, self._fitting.dimensions :]
        whole = data.features.times(self.embedding)
        rest = data.others.times(whole, data.others.thinned(hide) / (1 - hide))
        padded = torch.cat([whole, torch.zeros(1, whole.shape[1])])
        before, after = (torch.where(torch.rand(len(side)) < hide / 2, -1, side) for side in (data.before, data.after))
        context = torch.cat([own, rest, padded[before], padded[after], data.flags], dim=1)
        known = torch.rand(int(data.song.max()) + 1) > self._fitting.hide_artists
        whose = data.habits.times(self.direct) * known[data.song][:, None]
        hidden = torch.relu(self.hidden(self._drop(context)))
        logits: torch.Tensor = direct + whose[data.entry] + self.bias + self.output(self._drop(hidden))
        return logits

    def penalty(self) -> torch.Tensor:
        """What large weights cost, before it is divided by the number of names."""
        direct, embedding, layers = self._fitting.decay
        both = self.hidden.weight.square().sum() + self.output.weight.square().sum()
        return direct * self.direct.square().sum() + embedding * self.embedding.square().sum() + layers * both


def _train(data: _Data, features: int, described: int, labels: int, fitting: Fitting, seed: int) -> _Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(features, described, labels, fitting)
        groups = (
            ([network.direct, network.bias], 1.0),
            ([network.embedding], 0.5),
            ([*network.hidden.parameters(), *network.output.parameters()], 0.25),
        )
        optimiser = torch.optim.Adam([{"params": group, "lr": part * fitting.rate} for group, part in groups])
        rates = [group["lr"] for group in optimiser.param_groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=fitting.steps)
        count = float(1 / data.weight[0])
        for _ in range(fitting.steps):
            optimiser.zero_grad()
            losses = cross_entropy(network(data), data.target, reduction="none")
            loss = (losses * data.weight).sum() + network.penalty() / count
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network
