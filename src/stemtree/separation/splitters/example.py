"""Examples: recordings of one instrument that point at what is to be separated."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.audio import AudioSource, FileSource, to_source
from stemtree.audio.read import read_samples
from stemtree.audio.samples import ExactSamples
from stemtree.errors import OptionError
from stemtree.separation.time_range import TimeRange


@dataclass(frozen=True, eq=False)
class Example:
    """A recording of an instrument.

    Parameters
    ----------
    name : str
        For messages: its file, and the stretch of it.
    samples : ExactSamples
        ``(channel, sample)``.
    sample_rate : int
        In Hz.
    origin : dict
        For the manifest: file and checksum, and the stretch.
    """

    name: str
    samples: ExactSamples
    sample_rate: int
    origin: dict[str, object]


def read_example(like: Any, stretch: TimeRange | None = None, **options: Any) -> Example:
    """Read an example, or a stretch of it.

    Parameters
    ----------
    like : path-like, binary file object, AudioSource or tuple
        See `stemtree.audio.to_source`.
    stretch : TimeRange, optional
        Which part of it; by default all.
    **options
        Of `stemtree.audio.to_source`.

    Raises
    ------
    AudioError
        If it cannot be read.
    OptionError
        If the stretch is not within it.
    """
    source = to_source(like, **options)
    first, count = 0, None
    if stretch is not None:
        first = round(stretch.start * source.sample_rate)
        count = round(stretch.end * source.sample_rate) - first
    samples = read_samples(source, first, count)
    name, origin = source.name, _origin(source, samples)
    if stretch is not None:
        if not count:
            raise OptionError(f"the stretch {stretch} is shorter than one sample of '{name}': give a longer one")
        if not samples.shape[1]:
            raise OptionError(f"'{name}' ends before {stretch}: give a stretch within it")
        if samples.shape[1] < (count or 0):
            length = (first + samples.shape[1]) / source.sample_rate
            raise OptionError(f"'{name}' ends after {length:.2f} s, within {stretch}: give a stretch within it")
        name, origin = f"{name} {stretch}", origin | {"from": [stretch.start, stretch.end]}
    return Example(name, samples, source.sample_rate, origin)


def _origin(source: AudioSource, samples: ExactSamples) -> dict[str, object]:
    if isinstance(source, FileSource):
        with source.path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    else:
        checksum = hashlib.sha256(samples.tobytes()).hexdigest()
    return {"file": Path(source.name).name, "sha256": checksum}
