"""Exceptions with messages for users, and parts of such messages.

Every message is one sentence that names what was wrong, its value and what to do about it. The command line prints
the message alone; in Python it is the text of the exception.
"""

import errno
import operator
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the system's errors of a full disk."""


class StemtreeError(Exception):
    """Base of all exceptions that this package raises intentionally."""


class HierarchyError(StemtreeError):
    """A hierarchy that is not a valid tree, or a path, level or label that it does not have."""


class AudioError(StemtreeError):
    """Audio that cannot be read, contradicts its header, or cannot be written."""


class DiskError(AudioError):
    """A file or folder of this machine that cannot be written.

    Parameters
    ----------
    message : str
        One sentence.
    number : int, optional
        That of the system's error; None where no room is left, which libraries do not report by number.
    """

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number

    @property
    def is_full(self) -> bool:
        """Whether no room is left."""
        return self.number is None or self.number in FULL


class TruncatedError(AudioError):
    """Audio that ends before the length that its file announces."""


class CorpusError(StemtreeError):
    """A corpus that is incomplete or does not have the layout of its kind."""


class DownloadError(CorpusError):
    """A download that failed or is incomplete."""


class ArchiveFault(StrEnum):
    """Why an archive is not unpacked."""

    BROKEN = "broken"
    NO_ARCHIVE = "no archive"
    ENCRYPTED = "encrypted"
    METHOD = "method"
    UNSAFE = "unsafe"
    TOO_LARGE = "too large"
    SAME_NAMES = "same names"
    NO_AUDIO = "no audio"
    NO_READER = "no reader"


class ArchiveError(CorpusError):
    """An archive that is damaged or unsafe to unpack, or that cannot be read here.

    Parameters
    ----------
    message : str
        One sentence.
    fault : ArchiveFault
        What decides what becomes of the archive.
    """

    def __init__(self, message: str, fault: ArchiveFault = ArchiveFault.BROKEN) -> None:
        super().__init__(message)
        self.fault = fault


class SamplingError(StemtreeError):
    """Sampling rules that a corpus has no examples for."""


class NoQueryError(SamplingError):
    """A target that is in no other song of a corpus, which a query could be taken from."""


class OptionError(StemtreeError):
    """A setting that does not exist, is out of range or contradicts another."""


class LibraryError(OptionError):
    """A package of an optional group that is not installed."""


class ModelError(StemtreeError):
    """A trained model or a training run that cannot be read, or that does not fit its use."""


class TrainingError(StemtreeError):
    """Training that cannot continue."""


class EvaluationError(StemtreeError):
    """An evaluation that cannot continue, or rows of another evaluation."""


class WorkerError(StemtreeError):
    """A worker process that the system killed."""


class StorageError(StemtreeError):
    """Shared storage that does not answer or gives no rights, or a worker's disk that is full."""


class SplitterError(StemtreeError):
    """A node that no available splitter can split, or a splitter whose weights cannot be used."""


class DeviceError(StemtreeError):
    """A device that is not there, does not work, or has too little memory."""


class StemtreeWarning(UserWarning):
    """Something that a user should know of work that was done all the same."""


class AudioWarning(StemtreeWarning):
    """Something about a song that was read all the same, such as that it is cut off."""


class DeviceWarning(StemtreeWarning):
    """Something about the device, such as that its memory holds fewer blocks at once."""


def one_sentence(error: "ValidationError") -> str:
    """Describe the first of a configuration's errors: the key, its value and what is wrong with it."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"there is no setting '{where}': check its name"
    if first["type"] == "missing":
        return f"the setting '{where}' is missing: give it"
    if first["type"] in ("model_type", "model_attributes_type", "dataclass_type", "dict_type"):
        return f"'{where}' is {first['input']!r}: give a mapping of settings"
    if first["type"] in ("tuple_type", "list_type"):
        return f"'{where}' is {first['input']!r}: give a list"
    message = first["msg"].removeprefix("Value error, ")
    if not where:  # an error of the whole configuration, which is too long to repeat
        return f"{message[:1].lower()}{message[1:]}"
    return f"'{where}' is {first['input']!r}: {message[:1].lower()}{message[1:]}"


def whole_number(value: object, what: str, least: int) -> int:
    """A number that a caller gives, of any integer type; raises OptionError for any other, or less than `least`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise OptionError(f"{what} cannot be {value!r}: give a whole number, {least} or more") from None
    if number < least:
        raise OptionError(f"{what} cannot be {number}: give {least} or more")
    return number


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts: ``1 song``, ``3 songs``.

    Parameters
    ----------
    number : int
        How many there are.
    one, many : str
        What one is called, and what several are; by default with an s.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Name the known words that are most similar to an unknown one.

    Parameters
    ----------
    wrong : str
        The unknown word.
    known : iterable of str
        Known words. Paths are compared both whole and by their last names.

    Returns
    -------
    str
        ``"; did you mean a, b?"``, or all of `known` if there are few and none is similar.
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
