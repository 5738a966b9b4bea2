"""The classifier of file names: weights from a small file, prediction with NumPy alone.

Every name is described by sparse features `x`, and whose song it is by more of them, `a`. Its logits are
``(x + a) A + b + W₂ relu(W₁ c)``, where the context `c` joins the embedding ``x E`` of the name, the sum of the
embeddings of the other names in its session (divided by the root of their number), those of its two neighbours, and the
flags of its place. The mean of a few such networks, from different seeds, is taken; what is linear in them is kept as
one matrix. A temperature, and a share of names whose label is anyone's guess, make the probabilities match how often
they are right.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from stemtree.curation.annotation.classifier.features import Numbers, Sessions, arrange, as_arrays, describe, habits
from stemtree.curation.annotation.classifier.file_names import Vocabulary, vocabulary
from stemtree.errors import CorpusError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEMBER = ("embedding", "hidden", "hidden_bias", "output")


@dataclass(frozen=True)
class Member:
    """The weights of one network that are its own.

    Parameters
    ----------
    embedding : (described feature, dimension) float32
        ``E``; the features of songs, which follow the others, have none.
    hidden, hidden_bias : (context, unit), (unit,) float32
        ``W₁`` and its bias.
    output : (unit, label) float32
        ``W₂``.
    """

    embedding: Numbers
    hidden: Numbers
    hidden_bias: Numbers
    output: Numbers


@dataclass(frozen=True)
class Calibration:
    """What makes probabilities match how often they are right.

    Parameters
    ----------
    temperature : float
        What logits are divided by (Guo et al. 2017).
    guess : float
        The share of names whose label could be any of them: probabilities are ``(1 - guess) p + guess / labels``.
    """

    temperature: float = 1.0
    guess: float = 0.0

    def apply(self, probabilities: Numbers) -> Numbers:
        """Calibrate ``(name, label)`` probabilities; which label is the likeliest stays."""
        powers = np.maximum(probabilities, 1e-12) ** (1 / self.temperature)
        scaled: Numbers = powers / powers.sum(axis=1, keepdims=True)
        calibrated: Numbers = (1 - self.guess) * scaled + np.float32(self.guess / scaled.shape[1])
        return calibrated


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
        ``b``, and the mean bias of ``W₂``.
    members : tuple of Member
        The networks.
    calibration : Calibration
        By default none.
    """

    labels: tuple[str, ...]
    features: tuple[str, ...]
    direct: Numbers
    bias: Numbers
    members: tuple[Member, ...]
    calibration: Calibration = Calibration()

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
        linear = self.bias + np.stack([values @ self.direct[columns] for columns, values in own])
        artist = np.stack([values @ self.direct[columns] for columns, values in whose])
        hidden = np.mean([_contextual(member, own, sessions) for member in self.members], axis=0)
        logits = linear[sessions.own] + artist[sessions.entry] + hidden
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return self.calibration.apply(odds / odds.sum(axis=1, keepdims=True))

    def save(self, file: Path) -> None:
        """Write the weights as safetensors: matrices in bytes with a scale for each column, texts as UTF-8."""
        tensors: dict[str, NDArray[Any]] = {
            "labels": _packed(self.labels),
            "features": _packed(self.features),
            "bias": self.bias,
            "calibration": np.array([self.calibration.temperature, self.calibration.guess], np.float32),
        }
        matrices = {"direct": self.direct}
        for number, member in enumerate(self.members):
            tensors[f"{number}.hidden_bias"] = member.hidden_bias
            matrices |= {f"{number}.{name}": getattr(member, name) for name in _MEMBER if name != "hidden_bias"}
        for name, weights in matrices.items():
            scale = np.maximum(np.abs(weights).max(axis=0), 1e-12).astype(np.float32) / 127
            tensors[name] = np.round(weights / scale).astype(np.int8)
            tensors[f"{name}.scale"] = scale
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, partial)
        partial.replace(file)


def load_classifier(file: str | os.PathLike[str]) -> Classifier:
    """Read what `Classifier.save` wrote; raises CorpusError if it is something else."""
    try:
        data = load_file(file)
        count = len({name.partition(".")[0] for name in data if name[0].isdigit()})
        members = tuple(Member(*(_weights(data, f"{number}.{name}") for name in _MEMBER)) for number in range(count))
        labels, features = (tuple(bytes(data[name]).decode().split("\n")) for name in ("labels", "features"))
        temperature, guess = data["calibration"].tolist()
        calibration = Calibration(temperature, guess)
        return Classifier(labels, features, _weights(data, "direct"), data["bias"], members, calibration)
    except OSError as error:
        reason = error.strerror or "there is no such file"
        raise CorpusError(f"cannot read the weights '{file}': {reason}; check the path") from None
    except (KeyError, ValueError, SafetensorError):
        raise CorpusError(f"'{file}' holds no weights of a classifier: make them with stemtree curate fit") from None


@cache
def classifier() -> Classifier:
    """The one that comes with the package."""
    with resources.as_file(resources.files("stemtree.curation.annotation.classifier") / "weights.safetensors") as file:
        return load_classifier(file)


def _contextual(member: Member, own: list[tuple[NDArray[np.int64], Numbers]], sessions: Sessions) -> Numbers:
    """``W₂ relu(W₁ c)``, ``(name, label)``."""
    embedding = np.stack([values @ member.embedding[columns] for columns, values in own])
    context = surroundings(embedding, sessions)
    logits: Numbers = np.maximum(context @ member.hidden + member.hidden_bias, 0) @ member.output
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


def _weights(data: dict[str, NDArray[Any]], name: str) -> Numbers:
    if name.endswith("bias"):
        return data[name]
    weights: Numbers = data[name].astype(np.float32) * data[f"{name}.scale"]
    return weights
