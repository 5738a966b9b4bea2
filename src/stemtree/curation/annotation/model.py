"""The classifier of file names: weights from a small file, prediction with NumPy alone.

Every name is described by sparse features `x`, and whose song it is by more of them, `a`. Its logits are
``(x + a) A + b + W₂ relu(W₁ c)``, where the context `c` joins the embedding ``x E`` of the name, the sum of the
embeddings of the other names in its session (divided by the root of their number), those of its two neighbours, and the
flags of its place. A few such networks, from different seeds, are averaged, and a temperature makes their probabilities
match how often they are right.
"""

from __future__ import annotations  # the aliases of arrays are names, not classes

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from stemtree.curation.annotation.features import Numbers, Sessions, arrange, as_arrays, describe, habits
from stemtree.curation.annotation.names import Vocabulary, vocabulary
from stemtree.errors import CorpusError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEMBER = ("direct", "bias", "embedding", "hidden", "hidden_bias", "output", "output_bias")


@dataclass(frozen=True)
class Member:
    """The weights of one network.

    Parameters
    ----------
    direct : (feature, label) float32
        ``A``.
    bias : (label,) float32
        ``b``.
    embedding : (feature, dimension) float32
        ``E``.
    hidden, hidden_bias : (context, unit), (unit,) float32
        ``W₁`` and its bias.
    output, output_bias : (unit, label), (label,) float32
        ``W₂`` and its bias.
    """

    direct: Numbers
    bias: Numbers
    embedding: Numbers
    hidden: Numbers
    hidden_bias: Numbers
    output: Numbers
    output_bias: Numbers


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier.

    Parameters
    ----------
    labels : tuple of str
        In order of the columns.
    features : tuple of str
        In order of the rows.
    members : tuple of Member
        The networks that are averaged.
    temperature : float
        What logits are divided by.
    """

    labels: tuple[str, ...]
    features: tuple[str, ...]
    members: tuple[Member, ...]
    temperature: float = 1.0

    def predict(self, rows: Sequence[tuple[str, str]], words: Vocabulary | None = None) -> Numbers:
        """Probabilities of the labels, ``(name, label)``, for the names of whole sessions.

        Parameters
        ----------
        rows : sequence of (song, file)
            In any order.
        words : Vocabulary, optional
            By default the package's own.
        """
        known = words or vocabulary()
        sessions = arrange(rows, known)
        index = {name: number for number, name in enumerate(self.features)}
        own = [as_arrays(describe(one, known), index) for one in sessions.words]
        pairs = sessions.distinct.tolist()
        whose = [as_arrays(habits(sessions.songs[song], sessions.words[word]), index) for song, word in pairs]
        each = [_logits(member, own, whose, sessions) for member in self.members]
        logits = np.mean(each, axis=0) / self.temperature
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: Numbers = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def save(self, file: FilePath) -> None:
        """Write the weights, in bytes with a scale for each column: a thirtieth of their size as text."""
        arrays: dict[str, Any] = {
            "labels": _packed(self.labels),
            "features": _packed(self.features),
            "temperature": np.float32(self.temperature),
        }
        for number, member in enumerate(self.members):
            for name in _MEMBER:
                weights = np.atleast_2d(getattr(member, name))
                scale = np.maximum(np.abs(weights).max(axis=0), 1e-12).astype(np.float32) / 127
                arrays[f"{number}.{name}"] = np.round(weights / scale).astype(np.int8)
                arrays[f"{number}.{name}.scale"] = scale
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        with partial.open("wb") as content:
            np.savez_compressed(content, **arrays)
        partial.replace(file)


def load_classifier(file: str | os.PathLike[str]) -> Classifier:
    """Read what `Classifier.save` wrote; raises CorpusError if it is something else."""
    try:
        with open(file, "rb") as content, np.load(content, allow_pickle=False) as data:
            count = len({key.partition(".")[0] for key in data if key[0].isdigit()})
            members = tuple(
                Member(*(_weights(data, f"{number}.{name}") for name in _MEMBER)) for number in range(count)
            )
            labels, features = (tuple(bytes(data[name]).decode().split("\n")) for name in ("labels", "features"))
            return Classifier(labels, features, members, float(data["temperature"]))
    except OSError as error:
        raise CorpusError(f"cannot read the weights '{file}': {error.strerror}; check the path") from None
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile):
        raise CorpusError(f"'{file}' holds no weights of a classifier: make them with stemtree curate fit") from None


@cache
def classifier() -> Classifier:
    """The one that comes with the package."""
    with resources.as_file(resources.files("stemtree.curation.annotation") / "weights.npz") as file:
        return load_classifier(file)


def _logits(
    member: Member,
    own: list[tuple[NDArray[np.int64], Numbers]],
    whose: list[tuple[NDArray[np.int64], Numbers]],
    sessions: Sessions,
) -> Numbers:
    """``(name, label)``, not divided by the temperature."""
    direct = np.stack([values @ member.direct[columns] for columns, values in own]) + member.bias
    artist = np.stack([values @ member.direct[columns] for columns, values in whose])
    embedding = np.stack([values @ member.embedding[columns] for columns, values in own])
    context = surroundings(embedding, sessions)
    hidden = np.maximum(context @ member.hidden + member.hidden_bias, 0)
    logits: Numbers = direct[sessions.own] + artist[sessions.entry] + hidden @ member.output + member.output_bias
    return logits


def surroundings(embedding: Numbers, sessions: Sessions) -> Numbers:
    """The context of every name, ``(name, 4 dimension + FLAGS)``, from the embeddings of distinct words."""
    count = int(sessions.session.max(initial=-1)) + 1
    total = np.zeros((count, embedding.shape[1]), np.float32)
    np.add.at(total, sessions.distinct[:, 0], embedding[sessions.distinct[:, 1]])
    others = np.bincount(sessions.distinct[:, 0], minlength=count)[sessions.session] - 1
    own = embedding[sessions.own]
    rest = (total[sessions.session] - own) / np.sqrt(np.maximum(others, 1))[:, None].astype(np.float32)
    padded = np.concatenate([embedding, np.zeros((1, embedding.shape[1]), np.float32)])
    return np.concatenate([own, rest, padded[sessions.before], padded[sessions.after], sessions.flags], axis=1)


def _packed(texts: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _weights(data: Any, name: str) -> Numbers:
    weights: Numbers = data[name].astype(np.float32) * data[f"{name}.scale"]
    return weights[0] if name.endswith("bias") else weights
