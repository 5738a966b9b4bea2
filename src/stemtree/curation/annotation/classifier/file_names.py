"""The words in the name of a raw track's file."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PIECE = re.compile(r"[^\W\d_]+|\d+")
# Microphones and preamplifiers, such as M81, AK47, 251E or SSL6000E: a name of its own between separators.
_GEAR = re.compile(r"(?<![^\W_])(?:([A-Z]{1,3})\d{2,4}[A-Z]{0,2}|\d{3,4}[A-Z]{1,2})(?![^\W_])")
# Names with digits that may be models, such as B3, TR-808, JX8P or 12 string.
_MODELS = (
    re.compile(
        r"(?:(?<![^\W_])|(?<=[a-z])(?=[A-Z]))(?:[A-Za-z]{1,4}[ -]?\d{1,4}[A-Za-z]{0,2}|\d[A-Za-z]{2,7})(?![^\W_])"
    ),
    re.compile(r"(?<!\d)(?:\d{3}(?!\d)|\d\d ?[A-Za-z]{2,7}(?![^\W_]))"),
)
_NUMBER = re.compile(r"\s*\d{1,3}[ _.\-]+(?=.*[^\W\d_])")
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,3}$")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_PART, _SHORTEST_MENDED = 3, 6


@dataclass(frozen=True, slots=True)
class ParsedName:
    """The words and numbers of a file name.

    Parameters
    ----------
    words : tuple of str
        Each in its first spelling; without numbers.
    numbers : tuple of str
        In digits, without the track number in front.
    numbered : bool
        Whether there is a track number in front.
    """

    words: tuple[str, ...]
    numbers: tuple[str, ...]
    numbered: bool


class Vocabulary:
    """The words of names, their spellings, and the labels that phrases stand for.

    Parameters
    ----------
    data : mapping
        ``spellings`` (word -> its other spellings), ``compounds`` (a spelling -> the words that it means), ``models``
        (words -> names with digits that mean them), ``gear`` (words that are ignored) and ``labels`` (label ->
        phrases, in the first spellings).
    real_words : collection of str
        Words that are no misspelling of a known one, and no two known ones written as one, whatever they look like.
    """

    def __init__(self, data: Mapping[str, Any], real_words: Collection[str] = ()) -> None:
        spellings = {other: word for word, others in data["spellings"].items() for other in (word, *others)}
        compounds = {str(key): value for key, value in data["compounds"].items()}
        self.phrases: dict[tuple[str, ...], str] = {
            tuple(phrase.split()): label for label, phrases in data["labels"].items() for phrase in phrases
        }
        words = {word for phrase in self.phrases for word in phrase}
        single = {key: (word,) for key, word in spellings.items()}
        single |= {key: tuple(value.split()) for key, value in compounds.items() if " " not in key}
        meanings = {word: (word,) for word in words} | single | dict.fromkeys(data.get("gear", ()), ())
        self._meaning: dict[str, tuple[str, ...]] = {fold(key): value for key, value in meanings.items()}
        several = ((key.split(), tuple(value.split())) for key, value in compounds.items() if " " in key)
        self._joined = {tuple(word for part in key for word in self._known(part) or (part,)): v for key, v in several}
        self._models = {str(model): words for words, models in data.get("models", {}).items() for model in models}
        self._phrase_words = words
        self._real_words = frozenset(real_words)
        self._cache: dict[str, tuple[str, ...]] = {}

    def means_something(self, word: str) -> bool:
        """Whether a word, in its first spelling, stands in a phrase that means a label."""
        return word in self._phrase_words

    def would_mend(self, text: str) -> bool:
        """Whether an unknown word, in lower case, would be read as other words than itself."""
        return self._known(text) is None and self._guess(text) != (text,)

    def parse(self, file: str) -> ParsedName:
        """Split a file name into words and numbers."""
        stem = _ENDING.sub("", readable(file))
        number = _NUMBER.match(stem)
        rest = stem[number.end() :] if number else stem
        for pattern in _MODELS:
            rest = pattern.sub(self._replace_model, rest)
        rest = _GEAR.sub(self._remove_gear, rest)
        pieces = _PIECE.findall(rest)
        words = tuple(word for piece in pieces if not piece.isdigit() for word in self._read(piece))
        return ParsedName(self._join(words), tuple(piece for piece in pieces if piece.isdigit()), number is not None)

    def _replace_model(self, found: re.Match[str]) -> str:
        """The words that a model's name means; other names stay."""
        words = self._models.get(fold(found[0]).replace("-", "").replace(" ", ""))
        return found[0] if words is None else f" {words} "

    def _remove_gear(self, found: re.Match[str]) -> str:
        """A blank instead of a microphone's name, unless its letters are a known word."""
        return found[0] if found[1] and self._known(fold(found[1])) else " "

    def _read(self, piece: str) -> tuple[str, ...]:
        """The words of a run of letters: a known one, or those between its capitals."""
        if piece not in self._cache:
            parts = self._known(fold(piece))
            if parts is None:
                parts = tuple(word for part in _CAMEL.split(piece) for word in self._guess(fold(part)))
            self._cache[piece] = parts
        return self._cache[piece]

    def _known(self, text: str) -> tuple[str, ...] | None:
        """The words that a known spelling means, also with an s at its end."""
        known = self._meaning.get(text)
        return self._meaning.get(text[:-1]) if known is None and text.endswith("s") else known

    def _guess(self, text: str) -> tuple[str, ...]:
        """A known word, several known words in one, one with a typing error, or else the text itself."""
        known = self._known(text)
        if known is not None:
            return known
        if text in self._real_words or text.removesuffix("s") in self._real_words:
            return (text,)
        return self._split(text) or self._correct(text) or (text,)

    def _split(self, text: str) -> tuple[str, ...]:
        """Several known words written as one; empty if there are none."""
        for end in range(len(text) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            if (first := self._known(text[:end])) and (rest := self._known(text[end:]) or self._split(text[end:])):
                return first + rest
        return ()

    def _correct(self, text: str) -> tuple[str, ...]:
        """A known word that is one typing error away; empty if there is none.

        The error is inside a long word: at its ends, and in short ones, another word or form is as likely.
        """
        if len(text) < _SHORTEST_MENDED - 1:
            return ()
        near = (one for one in _edits(text) if len(one) >= _SHORTEST_MENDED and one in self._meaning)
        return next((self._meaning[one] for one in near if (one[0], one[-1]) == (text[0], text[-1])), ())

    def _join(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Replace compounds of two or three words by the words that they mean."""
        joined: list[str] = []
        at = 0
        while at < len(words):
            length = next((n for n in (3, 2) if words[at : at + n] in self._joined), 1)
            joined += self._joined.get(words[at : at + length], words[at : at + 1])
            at += length
        return tuple(joined)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that comes with the package."""
    text = (resources.files("stemtree.curation.annotation.classifier") / "words.yaml").read_text("utf-8")
    return Vocabulary(yaml.safe_load(text), real_words())


@cache
def real_words() -> frozenset[str]:
    """English words that look like misspelled or joined words of the vocabulary, such as ``bride`` or ``overlap``."""
    text = (resources.files("stemtree.curation.annotation.classifier") / "real_words.txt").read_text("utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def readable(file: str) -> str:
    """A name in compatible composed Unicode (NFKC); UTF-8 that was read as Windows-1252 is decoded again."""
    for _ in range(2):
        try:
            file = file.encode("cp1252").decode("utf-8")
        except UnicodeError:
            break
    return unicodedata.normalize("NFKC", file)


def fold(text: str) -> str:
    """Lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _edits(text: str) -> Iterator[str]:
    """All texts that are one typing error away: two letters swapped, one missing, one too many, one wrong."""
    cuts = [(text[:at], text[at:]) for at in range(len(text) + 1)]
    yield from (a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1)
    yield from (a + b[1:] for a, b in cuts if b)
    yield from (a + c + b for a, b in cuts for c in _LETTERS)
    yield from (a + c + b[1:] for a, b in cuts if b for c in _LETTERS)
