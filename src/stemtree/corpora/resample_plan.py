"""What is copied of a corpus at another sample rate, and whether it can be; see `stemtree.corpora.resample`."""

import filecmp
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stemtree.audio import is_audio_name
from stemtree.audio.formats import RATES
from stemtree.corpora.layout import Layout, read_metadata, songs_in
from stemtree.corpora.load import read_listing
from stemtree.corpora.registry import layout_of
from stemtree.corpora.track import AudioFile, Problem
from stemtree.errors import CorpusError, OptionError
from stemtree.staging import whole_file, write_failure

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
class Job:
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
        """Whether the copy is there; raises OptionError if it is older than one of the files that it was made from."""
        if not self.place.exists():
            return False
        for file in filter(Path.exists, self.audio):
            copy = copied_name(self.place / file.relative_to(self.folder), self.settings)
            if not copy.exists() or copy.stat().st_mtime < file.stat().st_mtime:
                raise OptionError(f"'{file}' is newer than the copy '{self.place}': remove that, to have it made anew")
        return True

    def refresh_metadata(self) -> None:
        """Copy metadata that differ from the copy's, such as splits; raises CorpusError if they cannot be written."""
        for file in self.metadata:
            copy = self.place / file.name
            if not copy.exists() or not filecmp.cmp(file, copy, shallow=False):
                copy_whole(file, copy)


def plan_copy(
    root: Path, kind: str, target: Path, settings: ResampleSettings, problems: list[Problem] | None
) -> list[Job]:
    """List the songs to copy, after making the copy's folder.

    Parameters
    ----------
    root, target : pathlib.Path
        Of the corpus, and of the copy.
    kind : str
        How the corpus is laid out.
    settings : ResampleSettings
        What the copy is like.
    problems : list of Problem, optional
        What is wrong with metadata is added here; without it, it is raised.

    Raises
    ------
    CorpusError, OptionError
        See `stemtree.corpora.resample.resample_corpus`.
    """
    layout = layout_of(kind)
    jobs = list(_plan(root, layout, target, settings, problems))
    if not jobs and not problems:
        raise CorpusError(f"'{root}' holds no songs in the layout '{kind}': check folder and kind")
    _check_apart(jobs, root)
    _record(target, settings)
    _check_copied(root, target, layout)
    _copy_hierarchy(root, target, layout)
    return jobs


def copied_name(place: Path, settings: ResampleSettings) -> Path:
    """What a copied file is called: FLAC stays FLAC unless the settings say otherwise, any other becomes WAV."""
    flac = place.suffix.lower() == ".flac" and not settings.as_wav
    return place if flac or place.suffix.lower() == ".wav" else place.with_suffix(".wav")


def copy_whole(file: Path, place: Path) -> None:
    """Copy a file whole or not at all; raises CorpusError if that cannot be."""
    try:
        with whole_file(place) as partial:
            shutil.copyfile(file, partial)
    except OSError as error:
        raise CorpusError(write_failure(place, error)) from None


def _plan(
    root: Path, layout: Layout, target: Path, settings: ResampleSettings, problems: list[Problem] | None
) -> Iterator[Job]:
    """The songs to copy; what is wrong with metadata is raised, or added to `problems` where there is such a list."""
    for path in songs_in(root, layout):
        listing = read_listing(root, path, layout)
        if isinstance(listing, Problem):
            if problems is None:
                raise CorpusError(listing.message)
            problems.append(replace(listing, kind="unreadable"))
            continue
        folder = path if path.is_dir() else path.parent
        files = listing.files
        if path in (file.path for file in files) or any(not _lies_in(file, folder) for file in files):
            raise CorpusError(
                f"the song '{listing.id}' is no folder of its own, with one file a stem: 'corpus resample' copies "
                "slakh, ms21, musdb18-hq and folder"
            )
        listed = [file.path for file in files if file.path.exists() or file is not listing.mixture]
        # Others in the same folders too: MS21 keeps sums of stems beside them.
        beside = [found for place in {file.parent for file in listed} if place.is_dir() for found in place.iterdir()]
        audio = dict.fromkeys([*listed, *sorted(found for found in beside if found.is_file() and is_audio_name(found))])
        job = Job(folder, tuple(audio), target / folder.relative_to(root), settings)
        _check_names(job, path, root, layout)
        yield job


def _check_names(job: Job, path: Path, root: Path, layout: Layout) -> None:
    """Raise CorpusError where metadata name files whose endings change, by a copy of the song with empty files."""
    if all(copied_name(file, job.settings) == file for file in job.audio):
        return
    with tempfile.TemporaryDirectory(prefix="stemtree-") as place:
        song = Path(place) / job.folder.relative_to(root)
        for file in job.audio:
            copy = copied_name(song / file.relative_to(job.folder), job.settings)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
        for file in job.metadata:
            shutil.copyfile(file, song / file.name)
        listing = layout.read_song(Path(place) / path.relative_to(root))
        for named in (file.path for file in listing.files):
            if not named.exists() and job.folder / named.relative_to(song) in job.audio:
                raise CorpusError(
                    f"the metadata '{path}' name '{named.name}', which would be '{named.stem}.wav' in the copy: leave "
                    "--wav out, or make the corpus's files WAV or FLAC first"
                )


def _check_apart(jobs: Sequence[Job], root: Path) -> None:
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
        copy_whole(file, target / file.name)


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
