"""Standard output and standard error that never end a command."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


class TolerantStream:
    """A text stream that drops what is written to it once the system has refused to take any.

    Whoever reads standard output may stop (``| head``), and the disk of a log file may be full. The files that a
    command makes do not depend on either.

    Parameters
    ----------
    stream : TextIO
        The stream to write to.

    Attributes
    ----------
    failure : OSError or None
        Why nothing more is written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write, unless an earlier call failed; returns the number of characters as if it had worked."""
        if self.failure is None:
            try:
                return self._stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Hand buffered text to the system, unless an earlier call failed."""
        if self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError) -> None:
        self.failure = error
        try:  # what is still buffered goes nowhere, instead of failing again when Python exits
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except OSError:
            pass


@contextmanager
def tolerant_streams() -> Iterator[TolerantStream]:
    """Make standard output and error tolerant for the time of a command; yields standard output.

    Text that a stream's encoding lacks is written as escapes. A stream that is closed, as in services and under
    ``pythonw``, takes what is written and drops it.
    """
    _occupy_standard_descriptors()
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as null:
        streams = [TolerantStream(_escaping(stream or null)) for stream in before]
        sys.stdout, sys.stderr = (cast("TextIO", stream) for stream in streams)
        try:
            yield streams[0]
        finally:
            for stream in streams:
                stream.flush()
            sys.stdout, sys.stderr = before


def _occupy_standard_descriptors() -> None:
    """Open the null device on closed descriptors of standard streams, which the next file opened would get otherwise.

    C libraries write their warnings to descriptor 2, whatever it is.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free


def _escaping(stream: TextIO) -> TextIO:
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
