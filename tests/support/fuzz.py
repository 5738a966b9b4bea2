"""Spoilt input for fuzzing: valid files with a few edits, and what may be raised by them."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, reject, settings
from hypothesis import strategies as st

from stemtree.errors import StemtreeError
from support.fuzz_pieces import PieceEdit, piece_edits, spoilt_pieces

FACTOR = int(os.environ.get("STEMTREE_FUZZ", "1"))
"""How many times as many examples are tried as in the suite, drawn anew."""

_LONGEST = 30
"""CPU seconds for one example; then it counts as hanging."""

Edit = tuple[int, int, bytes]
"""Position, number of bytes to remove there, and bytes to insert."""

_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
_EXTREMES = [number.to_bytes(size, order) for number in _NUMBERS for size in (1, 2, 4, 8) for order in ("big", "little")
             if number < 1 << 8 * size]  # fmt: skip
_TOKENS = [
    b"\0", b"\n", b"\r\n", b"\t", b" ", b'"', b"'", b",", b";", b":", b": ", b"- ", b"[", b"]", b"{", b"}", b"#", b"|",
    b">", b"%", b"@", b"`", b"&a ", b"*a", b"<<: ", b"!!", b"!!python/name:os.system ", b"!!binary ", b"!!set ", b"? ",
    b"---\n", b"...\n", b"2001-13-45", b"2001-12-14", b"1e999", b"-.inf", b".nan", b"NaN", b"Infinity", b"0x", b"1_0",
    b"12:30:45", b"null", b"true", b"~", b"=", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800",
    b"\\u0000", b"\xe2\x80\xa8", b"/", b"..", b"../", b"a" * 300, b"[" * 100, b"{a: " * 100, b"9" * 5000, b"- " * 100,
]  # fmt: skip

_positions = st.integers(0, 400) | st.integers(-100, -1) | st.integers(0, 1 << 20)
_removed = st.sampled_from([0, 0, 1, 2, 4, 8]) | st.integers(0, 64) | st.just(1 << 20)


def edits(text: bool = False) -> st.SearchStrategy[list[Any]]:
    """A few edits of a file, of its bytes or pieces; in text, words that mean something in YAML, JSON or CSV."""
    inserted = st.binary(max_size=8) | st.sampled_from(_TOKENS if text else _EXTREMES)
    of_bytes = st.lists(st.tuples(_positions, _removed, inserted), min_size=1, max_size=5)
    return of_bytes if text else of_bytes | piece_edits()


def edited(content: bytes, changes: list[Edit] | list[PieceEdit]) -> bytes:
    """Content after edits; positions beyond its end begin again at its start."""
    if changes and isinstance(changes[0][0], str):
        return spoilt_pieces(content, changes)
    for position, removed, inserted in changes:
        at = position % (len(content) + 1)
        content = content[:at] + inserted + content[at + removed :]
    return content


def _plain_values() -> st.SearchStrategy[Any]:
    words = st.text(max_size=8) | st.sampled_from(["", "..", "/", "a/b", "\ud800", "\0", "a" * 300, "kind", "name"])
    numbers = st.integers(-3, 3) | st.integers() | st.floats() | st.sampled_from([1 << 31, 1 << 63, 10**400, -(10**30)])
    atoms = st.none() | st.booleans() | numbers | words
    return st.recursive(atoms, lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3))


Replacement = tuple[int, str, Any]
"""Number of a value in a document, what happens to it (``set``, ``drop`` or ``add``), and a new value."""


def replacements() -> st.SearchStrategy[list[Replacement]]:
    """A few values of a document that are replaced, left out or added."""
    action = st.sampled_from(["set", "set", "drop", "add"])
    return st.lists(st.tuples(st.integers(0, 200), action, _plain_values()), min_size=1, max_size=3)


def replaced(document: Any, changes: list[Replacement]) -> Any:
    """A copy of a document after replacements."""
    document = {"": deepcopy(document)}
    for number, action, value in changes:
        places = list(_places(document))
        holder, key = places[number % len(places)]
        if action == "set":
            holder[key] = value
        elif action == "drop" and holder is not document:
            del holder[key]
        elif isinstance(holder[key], dict):
            holder[key][str(number)] = value
        elif isinstance(holder[key], list):
            holder[key].append(value)
    return document[""]


Spoiling = list[Edit] | list[Replacement]


def spoilings() -> st.SearchStrategy[Spoiling]:
    """Edits of a document's text, or replacements of its values."""
    return edits(text=True) | replacements()


def spoilt_document(document: Any, changes: Spoiling, kind: str) -> bytes:
    """A document as spoilt JSON or YAML; the example is passed over if the format has no such value."""
    if isinstance(changes[0][1], str):
        document, changes = replaced(document, changes), []
    try:
        if kind == "json":
            text = json.dumps(document, ensure_ascii=False)
        else:
            text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    except (yaml.YAMLError, ValueError, TypeError):
        reject()
    return edited(text.encode("utf-8", "surrogatepass"), changes)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(document) if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        if isinstance(document[key], dict | list):
            yield from _places(document[key])


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """The number of examples of a test in the suite, which are always the same there."""
    phases = (Phase.explicit, Phase.generate) if FACTOR == 1 else (Phase.explicit, Phase.generate, Phase.shrink)
    return settings(
        max_examples=examples * FACTOR,
        deadline=None,
        database=None,
        derandomize=FACTOR == 1,
        print_blob=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def only_sentences() -> Iterator[None]:
    """Let a block succeed, or fail with one of the package's sentences; nothing else, and not take forever."""

    def hangs(*_: object) -> None:
        raise AssertionError(f"no answer within {_LONGEST} CPU seconds")

    before = signal.signal(signal.SIGPROF, hangs)
    signal.setitimer(signal.ITIMER_PROF, _LONGEST)
    try:
        yield
    except StemtreeError as error:
        assert len(str(error)) > 10, repr(error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Originals(dict[str, Any]):
    """Valid files or documents by name; those are not printed where an example fails."""

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"


_numbers = count()


@contextmanager
def spoilt_file(folder: Path, name: str, content: bytes) -> Iterator[Path]:
    """A file of a name in a new folder, which stays if what is done with it fails."""
    place = folder / f"{next(_numbers)}"
    place.mkdir()
    (place / name).write_bytes(content)
    yield place / name
    for file in sorted(place.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    place.rmdir()
