"""The classifier of file names: weights from a small file, prediction with NumPy alone.

A name has sparse features `x`, and its artist's use of words has sparse features `a`. The logits of its label are
``(x + a) A + b + W₂ relu(W₁ c)``. The context `c` joins the embedding ``x E`` of the name, the sum of the embeddings of
the other names in its session (divided by the root of their number), the embeddings of its two neighbours, and the
flags of its place. The logits of a few such networks, from different seeds, are averaged; their linear parts are stored
as one matrix. How certain the most likely label is follows from `Certainty`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stemtree.curation.annotation.classifier.certainty import Certainty
from stemtree.curation.annotation.classifier.features import (
    Floats,
    SessionNames,
    artist_features,
    name_features,
    parse_sessions,
    to_sparse,
)
from stemtree.curation.annotation.classifier.file_names import Vocabulary, vocabulary
from stemtree.errors import CorpusError
from stemtree.staging import whole_file, write_failure

_MATRICES = ("embedding", "hidden", "output")


@dataclass(frozen=True)
class NetworkWeights:
    """The weights of one network, without its linear part.

    Parameters
    ----------
    embedding : (name feature, dimension) float32
        ``E``; features of artists, which follow those of names, have none.
    hidden, hidden_bias : (context, unit), (unit,) float32
        ``W₁`` and its bias.
    output : (unit, label) float32
        ``W₂``.
    """

    embedding: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier.

    Parameters
    ----------
    labels : tuple of str
        In order of the columns.
    features : tuple of str
        In order of the rows.
    direct : (feature, label) float32
        ``A``, the mean of all networks.
    bias : (label,) float32
        ``b``, the mean of all networks.
    networks : tuple of NetworkWeights
        The nonlinear parts.
    certainty : Certainty
        Of proposed labels.
    """

    labels: tuple[str, ...]
    features: tuple[str, ...]
    direct: Floats
    bias: Floats
    networks: tuple[NetworkWeights, ...]
    certainty: Certainty

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that it was fitted to, in their first spellings."""
        return frozenset(name[2:] for name in self.features if name.startswith("t:"))

    def predict(self, rows: Sequence[tuple[str, str]], words: Vocabulary | None = None) -> Floats:
        """Probabilities of the labels, ``(name, label)``, for the names of whole sessions.

        Parameters
        ----------
        rows : sequence of (song, file)
            In any order.
        words : Vocabulary, optional
            By default the package's own.
        """
        known = words or vocabulary()
        names = parse_sessions(rows, known)
        index = {feature: number for number, feature in enumerate(self.features)}
        own = [to_sparse(name_features(one, known), index) for one in names.words]
        entries = names.entries.tolist()
        artists = [to_sparse(artist_features(names.songs[song], names.words[word]), index) for song, word in entries]
        linear = self.bias + np.stack([values @ self.direct[columns] for columns, values in own])
        artist = np.stack([values @ self.direct[columns] for columns, values in artists])
        contextual = np.mean([_contextual_logits(network, own, names) for network in self.networks], axis=0)
        logits = linear[names.own] + artist[names.entry] + contextual
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def save(self, file: Path) -> None:
        """Write the weights as safetensors: matrices in bytes with a scale for each column, texts as UTF-8.

        Raises
        ------
        CorpusError
            If the file cannot be written.
        """
        tensors: dict[str, NDArray[Any]] = {
            "labels": _pack(self.labels),
            "features": _pack(self.features),
            "bias": self.bias,
            "certainty": self.certainty.weights,
            "certainty.bias": self.certainty.bias,
        }
        matrices = {"direct": self.direct}
        for number, network in enumerate(self.networks):
            tensors[f"{number}.hidden_bias"] = network.hidden_bias
            matrices |= {f"{number}.{name}": getattr(network, name) for name in _MATRICES}
        for name, weights in matrices.items():
            scale = np.maximum(np.abs(weights).max(axis=0), 1e-12).astype(np.float32) / 127
            tensors[name] = np.round(weights / scale).astype(np.int8)
            tensors[f"{name}.scale"] = scale
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(file) as partial:
                partial.write_bytes(save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))
        except (OSError, SafetensorError) as error:
            raise CorpusError(write_failure(file, error)) from None


def load_classifier(file: str | os.PathLike[str]) -> Classifier:
    """Read a file of `Classifier.save`; raises CorpusError if it cannot be read or is none."""
    try:
        tensors = load_file(file)
        count = len({name.partition(".")[0] for name in tensors if name[0].isdigit()})
        networks = tuple(_read_network(tensors, number) for number in range(count))
        labels, features = (tuple(bytes(tensors[name]).decode().split("\n")) for name in ("labels", "features"))
        certainty = Certainty(tensors["certainty"], tensors["certainty.bias"])
        return Classifier(labels, features, _read_matrix(tensors, "direct"), tensors["bias"], networks, certainty)
    except OSError as error:
        reason = error.strerror or "there is no such file"
        raise CorpusError(f"cannot read the weights '{file}': {reason}; check the path") from None
    except (KeyError, ValueError, SafetensorError):
        raise CorpusError(f"'{file}' holds no weights of a classifier: make them with stemtree curate fit") from None


@cache
def default_classifier() -> Classifier:
    """The classifier that comes with the package."""
    with resources.as_file(resources.files("stemtree.curation.annotation.classifier") / "weights.safetensors") as file:
        return load_classifier(file)


def _contextual_logits(
    network: NetworkWeights, own: list[tuple[NDArray[np.int64], Floats]], names: SessionNames
) -> Floats:
    """``W₂ relu(W₁ c)``, ``(name, label)``."""
    embedding = np.stack([values @ network.embedding[columns] for columns, values in own])
    hidden = np.maximum(_context(embedding, names) @ network.hidden + network.hidden_bias, 0)
    logits: Floats = hidden @ network.output
    return logits


def _context(embedding: Floats, names: SessionNames) -> Floats:
    """The context of every name, ``(name, 4 dimension + NUM_FLAGS)``, from the embeddings of `SessionNames.words`."""
    count = int(names.session.max(initial=-1)) + 1
    total = np.zeros((count, embedding.shape[1]), np.float32)
    np.add.at(total, names.entries[:, 0], embedding[names.entries[:, 1]])
    num_others = np.bincount(names.entries[:, 0], minlength=count)[names.session] - 1
    own = embedding[names.own]
    others = (total[names.session] - own) / np.sqrt(np.maximum(num_others, 1))[:, None].astype(np.float32)
    padded = np.concatenate([embedding, np.zeros((1, embedding.shape[1]), np.float32)])
    return np.concatenate([own, others, padded[names.before], padded[names.after], names.flags], axis=1)


def _pack(texts: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _read_network(tensors: dict[str, NDArray[Any]], number: int) -> NetworkWeights:
    embedding, hidden, output = (_read_matrix(tensors, f"{number}.{name}") for name in _MATRICES)
    return NetworkWeights(embedding, hidden, tensors[f"{number}.hidden_bias"], output)


def _read_matrix(tensors: dict[str, NDArray[Any]], name: str) -> Floats:
    weights: Floats = tensors[name].astype(np.float32) * tensors[f"{name}.scale"]
    return weights
