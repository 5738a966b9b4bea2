"""What can go wrong, in the user's words.

Every message is one sentence that names what was wrong, its value and what to do about it. The command line prints
the message alone; in Python it is the text of the exception.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class StemtreeError(Exception):
    """Base of everything that this package raises on purpose."""


class HierarchyError(StemtreeError):
    """A hierarchy that cannot be, or a path, level or label that it does not have."""


class AudioError(StemtreeError):
    """Audio that cannot be read as it claims to be, or cannot be written."""


class CorpusError(StemtreeError):
    """A corpus that is not whole, or not laid out as it should be."""


class DownloadError(CorpusError):
    """Something that could not be fetched whole."""


class ArchiveError(CorpusError):
    """An archive that is broken, or that nothing should be unpacked from."""


class SamplingError(StemtreeError):
    """Examples that cannot be drawn from a corpus as asked."""


class OptionError(StemtreeError):
    """A setting that does not exist or does not fit the others."""


class ModelError(StemtreeError):
    """A trained model, or a training run, that cannot be read or does not fit what it is used with."""


class TrainingError(StemtreeError):
    """Training that cannot go on."""


class EvaluationError(StemtreeError):
    """An evaluation that cannot go on, or rows that belong to another."""


class WorkerError(StemtreeError):
    """A worker process that the system ended."""


class SplitterError(StemtreeError):
    """A node that no splitter at hand can split, or a splitter whose weights cannot be used."""


def one_sentence(error: "ValidationError") -> str:
    """Say where the first of a configuration's errors is, what it is and what was given."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"there is no setting '{where}': check its name"
    message = first["msg"].removeprefix("Value error, ")
    if not where:  # of the whole, which would be a long value to repeat
        return f"{message[:1].lower()}{message[1:]}"
    return f"'{where}' is {first['input']!r}: {message[:1].lower()}{message[1:]}"


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Name what the user may have meant.

    Parameters
    ----------
    wrong : str
        What was asked for.
    known : iterable of str
        What exists. A path is compared both whole and by its last name.

    Returns
    -------
    str
        ``"; did you mean a, b?"``, or all of `known` where it is short and nothing is near.
    """
    known = list(known)
    by_name: dict[str, str] = {}
    for path in known:
        by_name.setdefault(path.rpartition("/")[2].casefold(), path)
        by_name[path.casefold()] = path
    wanted = [wrong.casefold(), wrong.rpartition("/")[2].casefold()]
    near = [by_name[match] for text in wanted for match in get_close_matches(text, by_name, n=3, cutoff=0.6)]
    if near:
        return f"; did you mean {', '.join(dict.fromkeys(near))}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 12 else ""
