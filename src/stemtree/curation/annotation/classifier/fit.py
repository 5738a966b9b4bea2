"""Fitting of the classifier of file names to an annotation that people made."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from stemtree.curation.annotation.classifier.certainty import margin_alone
from stemtree.curation.annotation.classifier.classifier import Classifier, NetworkWeights
from stemtree.curation.annotation.classifier.features import (
    NUM_FLAGS,
    Floats,
    SessionNames,
    artist_features,
    name_features,
    parse_sessions,
    to_sparse,
)
from stemtree.curation.annotation.classifier.file_names import Vocabulary, vocabulary
from stemtree.curation.annotation.classifier.kernels import SparseRows
from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.errors import CorpusError

Names = Sequence[tuple[str, str]]
"""Song and file."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the classifier is fitted; chosen by cross-validation, where most figures make little difference.

    Parameters
    ----------
    networks : int
        Number of networks that are averaged.
    dimensions, units : int
        Of embeddings, and of the hidden layer.
    steps : int
        Each over all names at once.
    rate : float
        Highest learning rate, of the linear weights.
    dropout : float
        Of context and hidden layer.
    hide_words, hide_names, hide_artists : float
        How often a feature of a name, another name of its session, or its artist is hidden in training.
    decay : tuple of float
        Penalties on linear weights, embeddings and layers.
    phrase : float
        Weight of a phrase of the vocabulary, against 1 of a name.
    rare : int
        Phrases of labels with fewer names than this have up to four times that weight.
    """

    networks: int = 3
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


def fit_classifier(
    names: Names,
    labels: Sequence[str],
    settings: FitSettings = FitSettings(),
    words: Vocabulary | None = None,
) -> Classifier:
    """Fit a classifier to names that a person labelled; its certainty is not fitted yet.

    Parameters
    ----------
    names : sequence of (song, file)
        Of whole sessions.
    labels : sequence of str
        Of those names.
    settings : FitSettings
        Sizes, learning rate and regularisation.
    words : Vocabulary, optional
        By default the package's own.

    Raises
    ------
    CorpusError
        If there is no name, or a label that the table of labels does not have.
    """
    if not names:
        raise CorpusError("there are no names to fit to: give an annotation with rows")
    columns = tuple(instrument_by_label())
    if unknown := sorted({*labels} - {*columns}):
        raise CorpusError(f"the label '{unknown[0]}' is not one of the {len(columns)}: correct it")
    data = _prepare(names, labels, words or vocabulary(), settings)
    networks = [_train(data, len(columns), settings, seed) for seed in range(settings.networks)]
    direct = np.mean([_array(network.direct) for network in networks], axis=0)
    bias = np.mean([_array(network.bias) + _array(network.output.bias) for network in networks], axis=0)
    parts = tuple(map(_weights, networks))
    return Classifier(columns, data.feature_names, direct, bias, parts, margin_alone(len(columns)))


@dataclass(frozen=True)
class _Data:
    """Names, and behind them the vocabulary's phrases, which have neither session nor artist.

    Parameters
    ----------
    feature_names : tuple of str
        Features of names, then those of artists.
    num_embedded : int
        How many of these are features of names.
    features : SparseRows
        ``(words, feature)``, for every sequence of words.
    artists : SparseRows
        ``(entry, feature)``, for every sequence of words in a session.
    others : SparseRows
        ``(name, words)``: the other names of a name's session.
    own, before, after, entry : (name,) int64
        As in `SessionNames`.
    flags : (name, NUM_FLAGS) float32
        As in `SessionNames`.
    song : (entry,) int64
        Session of every entry.
    target : (name,) int64
        Column of the label.
    weight : (name,) float32
        In the loss.
    """

    feature_names: tuple[str, ...]
    num_embedded: int
    features: SparseRows
    artists: SparseRows
    others: SparseRows
    own: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor
    entry: torch.Tensor
    flags: torch.Tensor
    song: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


def _prepare(names: Names, labels: Sequence[str], known: Vocabulary, settings: FitSettings) -> _Data:
    sessions = parse_sessions(names, known)
    described = [name_features(words, known) for words in [*sessions.words, *known.phrases]]
    entries = sessions.entries.tolist()
    artists = [artist_features(sessions.songs[song], sessions.words[words]) for song, words in entries]
    embedded = _embedded_features(described, sessions)
    feature_names = (*embedded, *sorted({name for features in artists for name in features}))
    index = {name: number for number, name in enumerate(feature_names)}
    num_phrases = len(known.phrases)
    none = torch.full((num_phrases,), -1)
    return _Data(
        feature_names,
        len(embedded),
        _sparse_rows(described, index),
        _sparse_rows([*artists, {}], index),  # the last entry is that of all phrases
        _other_names(sessions, num_phrases),
        own=torch.cat([torch.tensor(sessions.own), torch.arange(len(sessions.words), len(described))]),
        before=torch.cat([torch.tensor(sessions.before), none]),
        after=torch.cat([torch.tensor(sessions.after), none]),
        entry=torch.cat([torch.tensor(sessions.entry), torch.full((num_phrases,), len(entries))]),
        flags=torch.cat([torch.tensor(sessions.flags), torch.zeros(num_phrases, NUM_FLAGS)]),
        song=torch.cat([torch.tensor(sessions.entries[:, 0]), torch.tensor([len(sessions.songs)])]),
        target=_targets([*labels, *known.phrases.values()]),
        weight=_loss_weights(labels, known, settings),
    )


def _embedded_features(described: list[dict[str, float]], sessions: SessionNames) -> tuple[str, ...]:
    """Features of the vocabulary's phrases, and those that names of several songs have."""
    num_songs = Counter(name for _, words in sessions.entries.tolist() for name in described[words])
    of_phrases = {name for features in described[len(sessions.words) :] for name in features}
    return tuple(sorted(of_phrases | {name for name, count in num_songs.items() if count > 1}))


def _sparse_rows(described: Sequence[dict[str, float]], index: dict[str, int]) -> SparseRows:
    pairs = (to_sparse(features, index) for features in described)
    return SparseRows.of([(columns.tolist(), values.tolist()) for columns, values in pairs])


def _other_names(sessions: SessionNames, num_phrases: int) -> SparseRows:
    """The n other sequences of words in each name's session, each with the value 1/√n; none for phrases."""
    of_session: dict[int, list[int]] = {}
    for session, words in sessions.entries.tolist():
        of_session.setdefault(session, []).append(words)
    rows: list[tuple[list[int], list[float]]] = []
    for session, own in zip(sessions.session.tolist(), sessions.own.tolist(), strict=True):
        others = [words for words in of_session[session] if words != own]
        rows.append((others, [max(len(others), 1) ** -0.5] * len(others)))
    return SparseRows.of(rows + [([], [])] * num_phrases)


def _targets(labels: Sequence[str]) -> torch.Tensor:
    column = {label: number for number, label in enumerate(instrument_by_label())}
    return torch.tensor([column[label] for label in labels])


def _loss_weights(labels: Sequence[str], known: Vocabulary, settings: FitSettings) -> torch.Tensor:
    """Weights of names and phrases, relative to the number of names."""
    count = Counter(labels)
    boost = [min(4.0, max(1.0, settings.rare / (count[label] + 1))) for label in known.phrases.values()]
    return torch.tensor([1.0] * len(labels) + [settings.phrase * one for one in boost]) / len(labels)


class _Network(torch.nn.Module):
    """One network of `Classifier`; in training, parts of its input are hidden at random."""

    def __init__(self, data: _Data, labels: int, settings: FitSettings) -> None:
        super().__init__()
        self._settings = settings
        self.direct = torch.nn.Parameter(torch.zeros(len(data.feature_names), labels))
        self.bias = torch.nn.Parameter(torch.zeros(labels))
        self.embedding = torch.nn.Parameter(torch.randn(data.num_embedded, settings.dimensions) * 0.1)
        self.hidden = torch.nn.Linear(4 * settings.dimensions + NUM_FLAGS, settings.units)
        self.output = torch.nn.Linear(settings.units, labels)
        torch.nn.init.zeros_(self.output.weight)
        self._drop = torch.nn.Dropout(settings.dropout)

    def forward(self, data: _Data) -> torch.Tensor:
        """Logits ``(name, label)``."""
        hide = self._settings.hide_names
        visible = data.features.with_zeros(self._settings.hide_words)
        weights = torch.cat([self.embedding, self.direct[: len(self.embedding)]], dim=1)
        both = data.features.times(weights, visible)[data.own]
        own, direct = both[:, : self._settings.dimensions], both[:, self._settings.dimensions :]
        whole = data.features.times(self.embedding)
        others = data.others.times(whole, data.others.with_zeros(hide) / (1 - hide))
        padded = torch.cat([whole, torch.zeros(1, whole.shape[1])])
        before, after = (torch.where(torch.rand(len(side)) < hide / 2, -1, side) for side in (data.before, data.after))
        context = torch.cat([own, others, padded[before], padded[after], data.flags], dim=1)
        artist_is_visible = torch.rand(int(data.song.max()) + 1) > self._settings.hide_artists
        artist = data.artists.times(self.direct) * artist_is_visible[data.song][:, None]
        hidden = torch.relu(self.hidden(self._drop(context)))
        logits: torch.Tensor = direct + artist[data.entry] + self.bias + self.output(self._drop(hidden))
        return logits

    def penalty(self) -> torch.Tensor:
        """The penalty on large weights, times the number of names."""
        direct, embedding, layers = self._settings.decay
        both = self.hidden.weight.square().sum() + self.output.weight.square().sum()
        return direct * self.direct.square().sum() + embedding * self.embedding.square().sum() + layers * both


def _train(data: _Data, labels: int, settings: FitSettings, seed: int) -> _Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(data, labels, settings)
        groups = (
            ([network.direct, network.bias], 1.0),
            ([network.embedding], 0.5),
            ([*network.hidden.parameters(), *network.output.parameters()], 0.25),
        )
        optimiser = torch.optim.Adam([{"params": group, "lr": part * settings.rate} for group, part in groups])
        rates = [group["lr"] for group in optimiser.param_groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=settings.steps)
        num_names = float(1 / data.weight[0])
        for _ in range(settings.steps):
            optimiser.zero_grad()
            losses = cross_entropy(network(data), data.target, reduction="none")
            loss = (losses * data.weight).sum() + network.penalty() / num_names
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network


def _array(tensor: torch.Tensor) -> Floats:
    return tensor.detach().numpy().astype(np.float32)


def _weights(network: _Network) -> NetworkWeights:
    hidden, output = network.hidden, network.output
    return NetworkWeights(*map(_array, (network.embedding, hidden.weight.T, hidden.bias, output.weight.T)))
