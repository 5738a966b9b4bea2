"""A copy of a corpus at another sample rate, in the same layout (the papers: 16 kHz mono)."""

import filecmp
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from stemtree.audio import READ_SAMPLES, OutputFormat, StemWriter, is_audio_name, open_source
from stemtree.audio.formats import RATES
from stemtree.audio.resample import resample_blocks
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import AudioSource
from stemtree.cluster import map_tracks
from stemtree.corpora.headers import check_is_no_pipe
from stemtree.corpora.layout import Layout, read_metadata, songs_in
from stemtree.corpora.load import read_listing
from stemtree.corpora.registry import layout_of
from stemtree.corpora.track import AudioFile, Problem
from stemtree.errors import CorpusError, OptionError, StemtreeError, counted
from stemtree.staging import staging, whole_file, write_failure

_RECORD = "resampled.json"
"""In the copy's folder: the settings that all of its songs have."""


@dataclass(frozen=True, slots=True)
class ResampleSettings:
    """What a copy is like.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    mono : bool
        Whether channels are averaged.
    as_wav : bool
        Whether FLAC files become WAV files, which training reads several times as fast; the kind must allow both.

    Raises
    ------
    OptionError
        If the rate is not supported.
    """

    sample_rate: int = 16000
    mono: bool = True
    as_wav: bool = False

    def __post_init__(self) -> None:
        if not RATES[0] <= self.sample_rate <= RATES[1]:
            raise OptionError(f"a rate of {self.sample_rate} Hz cannot be: give {RATES[0]} to {RATES[1]}")


@dataclass(frozen=True, slots=True)
class _Job:
    """A song's folder, its audio files, its place in the copy, and the settings."""

    folder: Path
    audio: tuple[Path, ...]
    place: Path
    settings: ResampleSettings

    @property
    def metadata(self) -> list[Path]:
        """What else lies in the song's folder, and is copied as it is."""
        return [
            file
            for file in self.folder.iterdir()
            if file.is_file() and not file.name.startswith(".") and not is_audio_name(file)
        ]

    def is_done(self) -> bool:
        """Whether the copy is there; its metadata are brought up to date.

        Raises
        ------
        OptionError
            If it is older than one of the files that it was made from.
        CorpusError
            If it cannot be written to.
        """
        if not self.place.exists():
            return False
        for file in filter(Path.exists, self.audio):
            copy = _copied(self.place / file.relative_to(self.folder), self.settings)
            if not copy.exists() or copy.stat().st_mtime < file.stat().st_mtime:
                raise OptionError(f"'{file}' is newer than the copy '{self.place}': remove that, to have it made anew")
        try:
            for file in self.metadata:
                copy = self.place / file.name
                if not copy.exists() or not filecmp.cmp(file, copy, shallow=False):
                    with whole_file(copy) as partial:
                        shutil.copyfile(file, partial)
        except OSError as error:
            raise CorpusError(write_failure(self.place, error)) from None
        return True


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
    jobs = list(_plan(source, layout_of(kind), target, settings, problems if skip_bad else None))
    if not jobs and not problems:
        raise CorpusError(f"'{root}' holds no songs in the layout '{kind}': check folder and kind")
    _check_apart(jobs, source)
    _record(target, settings)
    _check_copied(source, target, layout_of(kind))
    _copy_hierarchy(source, target, layout_of(kind))
    waiting = [job for job in jobs if not job.is_done()]
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


def _plan(
    root: Path, layout: Layout, target: Path, settings: ResampleSettings, problems: list[Problem] | None
) -> Iterator[_Job]:
    """The songs to copy; what is wrong with metadata is raised, or added to `problems` where there is such a list."""
    for path in songs_in(root, layout):
        listing = read_listing(root, path, layout)
        if isinstance(listing, Problem):
            if problems is None:
                raise CorpusError(listing.message)
            problems.append(replace(listing, kind="unreadable"))
            continue
        folder = path if path.is_dir() else path.parent
        files = [stem.file for stem in listing.stems] + ([listing.mixture] if listing.mixture else [])
        if path in (file.path for file in files) or any(not _lies_in(file, folder) for file in files):
            raise CorpusError(
                f"the song '{listing.id}' is no folder of its own, with one file a stem: 'corpus resample' copies "
                "slakh, ms21, musdb18-hq and folder"
            )
        listed = [file.path for file in files if file.path.exists() or file is not listing.mixture]
        # Others in the same folders too: MS21 keeps sums of stems beside them.
        beside = [found for place in {file.parent for file in listed} if place.is_dir() for found in place.iterdir()]
        audio = dict.fromkeys([*listed, *sorted(found for found in beside if found.is_file() and is_audio_name(found))])
        job = _Job(folder, tuple(audio), target / folder.relative_to(root), settings)
        _check_names(job, path, root, layout)
        yield job


def _check_names(job: _Job, path: Path, root: Path, layout: Layout) -> None:
    """Raise CorpusError where metadata name files whose endings change, by a copy of the song with empty files."""
    if all(_copied(file, job.settings) == file for file in job.audio):
        return
    with tempfile.TemporaryDirectory(prefix="stemtree-") as place:
        song = Path(place) / job.folder.relative_to(root)
        for file in job.audio:
            copy = _copied(song / file.relative_to(job.folder), job.settings)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
        for file in job.metadata:
            shutil.copyfile(file, song / file.name)
        listing = layout.read_song(Path(place) / path.relative_to(root))
        files = [stem.file for stem in listing.stems] + ([listing.mixture] if listing.mixture else [])
        for named in (file.path for file in files):
            if not named.exists() and job.folder / named.relative_to(song) in job.audio:
                raise CorpusError(
                    f"the metadata '{path}' name '{named.name}', which would be '{named.stem}.wav' in the copy: leave "
                    "--wav out, or make the corpus's files WAV or FLAC first"
                )


def _check_apart(jobs: Sequence[_Job], root: Path) -> None:
    """Raise CorpusError where a song's folder holds other songs, so that it cannot appear as a whole."""
    folders = {job.folder for job in jobs}
    for job in jobs:
        if job.folder == root:
            raise CorpusError(f"the song '{root.name}' lies in '{root}' itself: give the folder above it")
        if above := folders & set(job.folder.parents):
            raise CorpusError(f"the song '{job.folder}' lies within the song '{above.pop()}': move it out")


def _copy_hierarchy(root: Path, target: Path, layout: Layout) -> None:
    """Copy the hierarchy that a corpus was made for, where that lies in it."""
    file = Path(layout.recorded_hierarchy(root) or "")
    if file.parent == root and file.is_file():
        with whole_file(target / file.name) as partial:
            shutil.copyfile(file, partial)


def _check_copied(root: Path, target: Path, layout: Layout) -> None:
    """Raise OptionError where the copy has a song that the corpus has not, such as one that is in another split now."""
    known = {path.relative_to(root) for path in songs_in(root, layout)}
    for path in songs_in(target, layout):
        if (song := path.relative_to(target)) not in known:
            raise OptionError(f"the copy has '{path}', and the corpus no '{root / song}' (any more): remove that copy")


def _lies_in(file: AudioFile, folder: Path) -> bool:
    return not file.stream and Path(os.path.normpath(file.path)).is_relative_to(os.path.normpath(folder))


def _record(target: Path, settings: ResampleSettings) -> None:
    """Write the copy's settings, or check that they are those of its songs."""
    file, ours = target / _RECORD, asdict(settings)
    if file.exists():
        theirs = asdict(ResampleSettings()) | read_metadata(file)
        for key, value in ours.items():
            if theirs.get(key) != value:
                raise OptionError(
                    f"the songs in '{target}' have {key} {theirs.get(key)}, not {value}: give that, or another folder"
                )
        return
    if target.exists() and any(target.iterdir()):
        raise OptionError(f"'{target}' is not empty and holds no copy: give another folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as partial:
            partial.write_text(json.dumps(ours), "utf-8")
    except OSError as error:
        raise CorpusError(write_failure(target, error)) from None


def _resample_song(job: _Job) -> _Outcome:
    song, clipped = job.folder.name, 0
    try:
        with staging(job.place) as folder:
            for file in job.metadata:
                shutil.copyfile(file, folder / file.name)
            written: dict[Path, Path] = {}
            for file in job.audio:
                place = _copied(folder / file.relative_to(job.folder), job.settings)
                if (other := written.setdefault(place, file)) != file:
                    raise CorpusError(f"'{other.name}' and '{file.name}' would both be '{place.name}': rename one")
                place.parent.mkdir(parents=True, exist_ok=True)
                clipped += _resample_file(file, place, job.settings)
            folder.rename(job.place)
    except StemtreeError as error:
        return _Outcome(song, failure=f"the song '{song}' cannot be resampled: {error}")
    return _Outcome(song, clipped)


def _copied(place: Path, settings: ResampleSettings) -> Path:
    """What a copied file is called: FLAC stays FLAC unless the settings say otherwise, any other becomes WAV."""
    flac = place.suffix.lower() == ".flac" and not settings.as_wav
    return place if flac or place.suffix.lower() == ".wav" else place.with_suffix(".wav")


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
