"""A copy of a corpus at another sample rate, in the same layout (the papers: 16 kHz mono)."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemtree.audio import READ_SAMPLES, OutputFormat, StemWriter, open_source
from stemtree.audio.resample import resample_blocks
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import AudioSource
from stemtree.cluster import map_tracks
from stemtree.corpora.headers import check_is_no_pipe
from stemtree.corpora.resample_plan import Job, ResampleSettings, copied_name, plan_copy
from stemtree.corpora.track import Problem
from stemtree.errors import CorpusError, OptionError, StemtreeError, counted
from stemtree.staging import staging


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How many samples of a song were clipped, or what was wrong with it."""

    song: str
    clipped: int = 0
    failure: str = ""


def resample_corpus(
    root: str | os.PathLike[str],
    kind: str,
    copy: str | os.PathLike[str],
    settings: ResampleSettings | None = None,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Problem]:
    """Copy the songs of a corpus at another sample rate; of songs that are in the copy already only metadata are.

    Stems, mixtures, what lies in their folders, and metadata are copied; raw tracks, MIDI and indices are not. Integer
    samples are clipped where interpolation exceeds full scale.

    Parameters
    ----------
    root : path-like
        The corpus's folder.
    kind : str
        A key of `stemtree.corpora.registry.KINDS` whose songs are folders.
    copy : path-like
        Folder of the copy. It has the layout of the corpus; each song appears when it is whole.
    settings : ResampleSettings, optional
        What the copy is like.
    workers : int, optional
        Processes, by default one for each core.
    skip_bad : bool
        Go on after a song whose metadata or audio cannot be read, and return what was wrong with it.
    progress : callable, optional
        Called with the numbers of songs done and in total.

    Returns
    -------
    list of Problem
        Of kind ``clipped`` for each song with clipped samples, of kind ``unreadable`` for each song left out.

    Raises
    ------
    CorpusError
        If there is no song, a song is no folder of its own, or (unless `skip_bad`) cannot be read.
    OptionError
        If the copy has songs of other settings, or songs that the corpus has not at that place (any more), or audio
        that is older than the corpus's; or if it lies in the corpus's own folder.
    """
    source, target, settings = Path(root), Path(copy), settings or ResampleSettings()
    if target.resolve().is_relative_to(source.resolve()):
        raise OptionError(f"the copy of '{source}' cannot lie in its own folder: give another")
    problems: list[Problem] = []
    jobs = plan_copy(source, kind, target, settings, problems if skip_bad else None)
    waiting = []
    for job in jobs:
        if job.is_done():
            job.refresh_metadata()
        else:
            waiting.append(job)
    outcomes = map_tracks(_resample_song, waiting, workers, name_of=lambda job: job.folder.name)
    for done, (_, outcome) in enumerate(outcomes, len(jobs) - len(waiting) + 1):
        if outcome.failure and not skip_bad:
            raise CorpusError(outcome.failure)
        if outcome.failure:
            problems.append(Problem(outcome.song, "unreadable", outcome.failure))
        elif outcome.clipped:
            samples = counted(outcome.clipped, f"sample of '{outcome.song}' was", f"samples of '{outcome.song}' were")
            message = f"{samples} clipped at full scale"
            problems.append(Problem(outcome.song, "clipped", message))
        if progress:
            progress(done, len(jobs))
    return problems


def _resample_song(job: Job) -> _Outcome:
    song, clipped = job.folder.name, 0
    try:
        with staging(job.place) as folder:
            for file in job.metadata:
                shutil.copyfile(file, folder / file.name)
            written: dict[Path, Path] = {}
            for file in job.audio:
                place = copied_name(folder / file.relative_to(job.folder), job.settings)
                if (other := written.setdefault(place, file)) != file:
                    raise CorpusError(f"'{other.name}' and '{file.name}' would both be '{place.name}': rename one")
                place.parent.mkdir(parents=True, exist_ok=True)
                clipped += _resample_file(file, place, job.settings)
            folder.rename(job.place)
    except StemtreeError as error:
        return _Outcome(song, failure=f"the song '{song}' cannot be resampled: {error}")
    return _Outcome(song, clipped)


def _resample_file(file: Path, place: Path, settings: ResampleSettings) -> int:
    """Write one file at the settings' rate, as the ending of its `place` says.

    Returns
    -------
    int
        How many samples were clipped.
    """
    check_is_no_pipe(file)
    source = open_source(file)
    output = OutputFormat("flac" if place.suffix.lower() == ".flac" else "wav").for_source(
        source.width, settings.sample_rate
    )
    clipped, channels = 0, 1 if settings.mono else source.channels
    with StemWriter(place, output, settings.sample_rate, channels) as writer:
        for block in _blocks(source, settings):
            if output.bits is None:
                writer.write(block.astype(np.float32))
                continue
            limit = 2 ** (output.bits - 1)
            steps = np.rint(block * limit)
            within = steps.clip(-limit, limit - 1)
            clipped += int((steps != within).sum())
            writer.write(within.astype(np.int32))
    return clipped


def _blocks(source: AudioSource, settings: ResampleSettings) -> Iterator[ExactSamples]:
    blocks: Iterator[ExactSamples] = source.blocks(READ_SAMPLES)
    channels = source.channels
    if settings.mono and channels > 1:
        blocks, channels = (block.mean(axis=0, keepdims=True) for block in blocks), 1
    if source.sample_rate == settings.sample_rate:
        return blocks
    return resample_blocks(blocks, channels, source.sample_rate, settings.sample_rate, READ_SAMPLES)
