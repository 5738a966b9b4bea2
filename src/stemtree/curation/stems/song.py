"""One song of the corpus: mixed and written, described again, or left as it is."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stemtree.corpora.layout import read_metadata
from stemtree.corpora.track import Problem
from stemtree.curation.bleed.table import Leak
from stemtree.curation.sessions.sessions import RawTrack, Session
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.stems.metadata import (
    describe_audio,
    describe_labels,
    describe_song,
    fingerprint,
    raw_files,
    write_metadata,
)
from stemtree.curation.stems.mixdown import mix_down
from stemtree.curation.stems.settings import StemSettings
from stemtree.curation.stems.write import link_raw, song_id, write_song
from stemtree.errors import CorpusError, StemtreeError
from stemtree.hierarchy import Hierarchy, load
from stemtree.staging import staging


@dataclass(frozen=True, slots=True)
class StemJob:
    """What a song is made from.

    Parameters
    ----------
    session : Session
        Its raw tracks.
    facts : SongFacts
        Artist, title and genres.
    leaks : mapping
        Leakage of its tracks, by their names; empty where it was not measured.
    output : pathlib.Path
        The corpus's folder.
    settings : StemSettings
        How stems are made.
    """

    session: Session
    facts: SongFacts
    leaks: Mapping[str, Leak]
    output: Path
    settings: StemSettings

    @property
    def id(self) -> str:
        """Name of the song's folder, and beginning of its files' names."""
        return song_id(self.facts)

    @property
    def tracks(self) -> tuple[RawTrack, ...]:
        """The tracks that go into stems."""
        leaking = {name for name, leak in self.leaks.items() if leak.leaks} if self.settings.drop_bleed else set()
        return tuple(track for track in self.session.tracks if track.name not in leaking)


@dataclass(frozen=True, slots=True)
class MadeSong:
    """A song of the corpus.

    Parameters
    ----------
    status : {"made", "described", "kept"}
        Mixed; unchanged audio with new metadata; unchanged.
    metadata : dict
        Its metadata now.
    """

    status: Literal["made", "described", "kept"]
    metadata: dict[str, Any]


def make_song(job: StemJob) -> MadeSong | Problem:
    """Make a song unless it is there; a problem if it cannot be made."""
    try:
        if not job.tracks:
            raise CorpusError(f"no track of '{job.session.song}' is left to make a stem of: check its labels")
        return _update(job)
    except StemtreeError as error:
        return Problem(job.session.song, "stems", f"'{job.session.song}' was left out: {error}")


def _update(job: StemJob) -> MadeSong:
    """Mix a song if its audio would change; else write its metadata if these change."""
    folder, tree = job.output / job.id, load(job.settings.hierarchy)
    digest = fingerprint(job.session, job.tracks, tree, job.settings)
    known = _read_known(folder)
    about = describe_song(job.facts, job.tracks, job.leaks) | {"fingerprint": digest}
    if known.get("fingerprint") != digest or not _is_whole(folder, known):
        return MadeSong("made", _mix(job, folder, tree, about, known))
    metadata = known | about | describe_labels(known, job.session)
    if metadata == known:
        return MadeSong("kept", known)
    write_metadata(_metadata_file(folder), metadata)
    return MadeSong("described", metadata)


def _mix(
    job: StemJob, folder: Path, tree: Hierarchy, about: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    """Mix a song in a hidden folder, which takes the place of `folder` when it is complete; return the metadata."""
    name = job.id
    with staging(folder) as stage:
        spools = stage / "spools"
        spools.mkdir()
        song = mix_down(job.tracks, tree, job.settings, spools)
        mixture = write_song(song, name, stage, job.settings)
        shutil.rmtree(spools)
        (stage / f"{name}_RAW").mkdir()
        for file, source in raw_files(song, name).items():
            link_raw(source, stage / f"{name}_RAW" / file)
        audio = describe_audio(song, mixture, job.session, name, tree, job.settings)
        split = {"split": known["split"]} if "split" in known else {}
        metadata = {**about, **audio, **split}
        write_metadata(stage / f"{name}_METADATA.yaml", metadata)
        _publish(stage, folder)
    return metadata


def _read_known(folder: Path) -> dict[str, Any]:
    """The metadata of a song made earlier, empty if there is none; raises CorpusError if something else is there."""
    file = _metadata_file(folder)
    if not folder.exists():
        return {}
    known = read_metadata(file) if file.exists() else {}
    if "fingerprint" not in known:
        raise CorpusError(f"'{folder}' holds something else than a song made here: choose another folder")
    return known


def _metadata_file(folder: Path) -> Path:
    return folder / f"{folder.name}_METADATA.yaml"


def _is_whole(folder: Path, known: dict[str, Any]) -> bool:
    """Whether all audio files are there that the metadata list."""
    try:
        files = [known["mix_filename"]]
        for stems in (known["stems"], known["musdb_stems"]):
            files += [f"{known['stem_dir']}/{stem['filename']}" for stem in stems.values()]
        return all((folder / file).is_file() for file in files)
    except (KeyError, TypeError, AttributeError):
        return False


def _publish(stage: Path, folder: Path) -> None:
    """Put a finished song in place of an earlier one; also remove what a killed run left."""
    aside = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    stage.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)
