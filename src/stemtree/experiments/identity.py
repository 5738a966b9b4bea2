"""What a run is known by: its settings, the content of its corpora, and the code that computes it."""

import ast
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Any

from stemtree.corpora.fingerprint import corpus_fingerprint
from stemtree.corpora.track import Corpus

COMPUTING = (
    "audio",
    "spectral",
    "hierarchy",
    "metrics",
    "masks",
    "networks",
    "losses.py",
    "model.py",
    "corpora",
    "data",
    "evaluation",
    "training",
)
"""The parts of the package that decide what training and evaluation compute."""

_NOT_SETTINGS = ("workers",)
_NOT_OF_TRAINER = ("accelerator", "devices", "log_every_n_steps")
"""Settings of a run, and of its trainer, that decide how it is computed, and not what."""

_OF_CORPUS = ("kind", "split", "labels", "skip_bad")
"""What else of a corpus's description counts."""

_SINCE = {"rules": {"family": 0.0}}
"""Settings that runs of before lack, with the values that they had: with these, a run keeps its identity."""

_EXCERPT = 1 << 16
"""How many bytes of a stem's file are read to recognise it."""


def digest(value: object) -> str:
    """16 hexadecimal digits of anything that can be written as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@cache
def code_identity() -> str:
    """12 hexadecimal digits that change with the code of `COMPUTING`; comments, docstrings and formatting do not count.

    They change with a renamed variable too: whether such a change alters results only a person can say.
    """
    return _hash_sources(_normalised)[:12]


def code_state() -> str:
    """Changes with any change of the code of `COMPUTING`; much faster than `code_identity`, and never remembered."""
    return _hash_sources(lambda path, text: text)


def corpus_identity(corpus: Corpus) -> str:
    """16 hexadecimal digits that change with a corpus's songs, labels and audio; not with its place or its times.

    Of every stem the length of the file and 64 KiB from its middle are read.
    """
    stems = hashlib.sha256()
    for track in corpus.tracks:
        for stem in track.stems:
            file = stem.file.path
            size = file.stat().st_size
            with file.open("rb") as content:
                content.seek(max(0, size // 2 - _EXCERPT // 2))
                stems.update(f"{track.id} {stem.name} {size} ".encode() + content.read(_EXCERPT))
    return digest([corpus_fingerprint(corpus), stems.hexdigest()])


def settings_identity(settings: dict[str, Any]) -> str:
    """16 hexadecimal digits that change with what a run computes, whatever corpora it is given.

    Parameters
    ----------
    settings : dict
        All settings, as JSON. Of corpora the folder's own name counts, not where it lies.
    """
    kept = {key: value for key, value in settings.items() if key not in _NOT_SETTINGS}
    kept["trainer"] = {key: value for key, value in kept["trainer"].items() if key not in _NOT_OF_TRAINER}
    for purpose in ("train", "validation"):
        kept[purpose] = [
            {"name": PurePath(source["root"]).name, **{key: source[key] for key in _OF_CORPUS}}
            for source in kept.get(purpose, ())
        ]
    for group, unchanged in _SINCE.items():
        if isinstance(kept.get(group), dict):
            kept[group] = dict(kept[group].items() - unchanged.items())
    return digest(kept)


def _hash_sources(normalise: Callable[[str, str], str]) -> str:
    total = hashlib.sha256()
    package = resources.files("stemtree")
    for name in COMPUTING:
        for path, file in sorted(_sources(package / name, name)):
            total.update(path.encode() + b"\0" + normalise(path, file.read_text("utf-8")).encode() + b"\0")
    return total.hexdigest()


def _sources(place: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    if place.is_file():
        if name.endswith((".py", ".yaml", ".json", ".txt")):
            yield name, place
        return
    for inside in place.iterdir():
        if inside.name != "__pycache__":
            yield from _sources(inside, f"{name}/{inside.name}")


def _normalised(path: str, text: str) -> str:
    """A module's syntax tree without docstrings; other files as they are."""
    if not path.endswith(".py"):
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return ast.dump(tree)
