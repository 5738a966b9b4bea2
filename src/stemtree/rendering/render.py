"""From MIDI files to a corpus in Slakh's layout (Manilow et al. 2019)."""

import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import soundfile

from stemtree.audio import open_source
from stemtree.cluster import map_tracks
from stemtree.corpora.layout import SPLITS, read_metadata
from stemtree.corpora.slakh import METADATA
from stemtree.corpora.track import Problem
from stemtree.errors import CorpusError, OptionError, StemtreeError, counted
from stemtree.folders import is_empty_folder
from stemtree.hierarchy import available
from stemtree.rendering.midi import duration_of, read_parts, song_name
from stemtree.rendering.plan import draw_excerpt, plan_stems
from stemtree.rendering.settings import RenderSettings, worker_count
from stemtree.rendering.sfz import check_sfz, is_sfz
from stemtree.rendering.song import render_song
from stemtree.staging import whole_file, write_failure

_MAX_DURATION = 1800
"""Seconds of a song, since all its stems are in memory at once."""


@dataclass(frozen=True, slots=True)
class Take:
    """One song to be rendered.

    Parameters
    ----------
    midi : pathlib.Path
        General MIDI file.
    number : int
        Number of the take of this file, from 0.
    folder : pathlib.Path
        The song's folder.
    settings : RenderSettings
        How it is rendered.
    """

    midi: Path
    number: int
    folder: Path
    settings: RenderSettings

    def is_rendered(self) -> bool:
        """Whether the song is complete; raises OptionError if it was rendered with other settings, or is no song."""
        if not (self.folder / METADATA).exists():
            if self.folder.exists() and not is_empty_folder(self.folder):
                raise OptionError(f"'{self.folder}' holds something else than a rendered song: choose another folder")
            return False
        metadata = read_metadata(self.folder / METADATA)
        recorded = metadata.get("rendering")
        if not isinstance(recorded, dict):
            raise OptionError(f"'{self.folder}' was not rendered by this command: choose another folder")
        if metadata.get("UUID") != self.origin:
            raise OptionError(
                f"'{self.midi}' is another song than the one that '{self.folder}' was rendered from: remove that, or "
                "choose another folder"
            )
        for key, value in self.settings.as_dict().items():
            if recorded.get(key) != value:
                raise OptionError(
                    f"'{self.folder}' was rendered with {key} {recorded.get(key)}, not {value}: give that, or another "
                    "folder"
                )
        return True

    @property
    def origin(self) -> str:
        """Name and checksum of the MIDI file; raises CorpusError if it cannot be read."""
        try:
            return f"{song_name(self.midi)}:{zlib.crc32(self.midi.read_bytes()):08x}"
        except OSError as error:
            raise CorpusError(f"cannot read '{self.midi}' ({error.strerror}): check the path") from None

    def render(self) -> None:
        """Read, plan and render the song.

        Raises
        ------
        CorpusError
            If the MIDI file or a soundfont cannot be used, or if the song is too long or has nothing to render.
        AudioError
            If the folder cannot be written to.
        OptionError
            If a Python package is missing.
        """
        midi, settings = self.midi, self.settings
        parts = read_parts(midi)
        if settings.excerpt is not None:
            parts = draw_excerpt(midi, parts, self.number, settings.excerpt, settings)
        if (duration := duration_of(parts)) > _MAX_DURATION:
            raise CorpusError(f"'{midi}' lasts {duration:.0f} s and at most {_MAX_DURATION} s are rendered: cut it")
        plans = plan_stems(midi, parts, self.number, settings)
        if not plans:
            lacking = (
                f"no soundfont given has a sound, or '{settings.hierarchy}' no leaf,"
                if settings.skip_parts
                else (f"'{settings.hierarchy}' has no leaf")
            )
            raise CorpusError(f"{lacking} for any part of '{midi}': leave it out")
        render_song(self.folder, plans, duration, settings, self.origin)


def render_corpus(
    midis: Iterable[str | os.PathLike[str]],
    root: str | os.PathLike[str],
    settings: RenderSettings,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Problem]:
    """Render MIDI files; songs that are already complete are left as they are.

    Parameters
    ----------
    midis : iterable of path-like
        General MIDI files of different names.
    root : path-like
        The corpus's folder.
    settings : RenderSettings
        How songs are rendered.
    workers : int, optional
        Processes, by default one for each core. The result does not depend on it.
    skip_bad : bool
        Continue after a file that cannot be rendered, and return what was wrong with it.
    progress : callable, optional
        Called with the number of songs that are complete and the number of all.

    Returns
    -------
    list of Problem
        One for each song left out.

    Raises
    ------
    CorpusError
        If FluidSynth, a soundfont or (unless `skip_bad`) a MIDI file cannot be used, if two files have the same name,
        or if there is no room left.
    OptionError
        If `workers` is less than 1, a song in the folder was rendered with other settings, the folder holds songs of
        another rate or number of channels, or there are too few songs to be divided into splits.
    """
    workers = worker_count(workers)
    takes = _takes(list(dict.fromkeys(Path(midi) for midi in midis)), Path(root), settings)
    missing = [take for take in takes if not take.is_rendered()]
    if missing:
        _check_alike(Path(root), settings)
        _keep_hierarchy(Path(root), settings)
    problems = []
    # Always in another process: a forked FluidSynth would share its state. Each process keeps its soundfonts loaded.
    outcomes = map_tracks(_render_take, missing, workers, name_of=lambda take: take.folder.name, spawn_single=True)
    for done, (_, problem) in enumerate(outcomes, start=len(takes) - len(missing) + 1):
        if problem and not skip_bad:
            raise CorpusError(problem.message)
        problems += [problem] if problem else []
        if progress:
            progress(done, len(takes))
    return problems


def _keep_hierarchy(root: Path, settings: RenderSettings) -> None:
    """Copy a hierarchy of the user's own to the corpus, which is then read with it wherever it lies."""
    if settings.hierarchy in available():
        return
    file = Path(settings.hierarchy)
    kept, content = root / file.name, file.read_bytes()
    if kept.exists() and kept.read_bytes() != content:
        raise OptionError(f"'{kept}' is another hierarchy than '{file}': give that, or another folder")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with whole_file(kept) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise CorpusError(write_failure(kept, error)) from None


def _check_alike(root: Path, settings: RenderSettings) -> None:
    """Raise OptionError if a corpus holds songs of another rate or number of channels; one of each folder is read."""
    for pattern in (f"*/{METADATA}", *(f"{split}/*/{METADATA}" for split in SPLITS)):
        file = next((file for file in root.glob(pattern) if not file.parent.name.startswith(".")), None)
        found = file and _rate_and_channels(file)
        if file and found and found != (settings.sample_rate, settings.channels):
            theirs, ours = (
                f"{rate} Hz {'stereo' if channels == 2 else 'mono'}"
                for rate, channels in (found, (settings.sample_rate, settings.channels))
            )
            raise OptionError(
                f"'{root}' holds songs of {theirs}, such as '{file.parent.name}', not {ours}: give that, or another "
                "folder"
            )


def _rate_and_channels(metadata: Path) -> tuple[int, int] | None:
    """Sample rate and number of channels of a song, known by its metadata; None if it cannot be told."""
    for audio in (metadata.parent.glob("mix.*"), metadata.parent.glob("stems/*")):
        with suppress(StemtreeError, StopIteration):
            source = open_source(next(audio), thorough=False)
            return source.sample_rate, source.channels
    return None


def _takes(midis: list[Path], root: Path, settings: RenderSettings) -> list[Take]:
    """List all songs, after checking that their names differ and that the soundfonts exist."""
    by_name: dict[str, Path] = {}
    for midi in midis:
        if (other := by_name.setdefault(song_name(midi), midi)) != midi:
            raise CorpusError(f"'{midi}' and '{other}' would both become the song '{song_name(midi)}': rename one")
    for soundfont in (*settings.soundfonts, *settings.drum_soundfonts):
        if not soundfont.is_file():
            raise CorpusError(f"there is no soundfont '{soundfont}': check the path")
        if is_sfz(soundfont):
            check_sfz(soundfont)
    splits = _splits(len(midis), settings)
    takes = []
    for midi, split in zip(midis, splits, strict=True):
        name = song_name(midi)
        names = [f"{name}_{number + 1}" for number in range(settings.takes)] if settings.takes > 1 else [name]
        if settings.shares:  # where a part of the songs was rendered before, songs stay in their splits
            split = next((other for other in SPLITS if (root / other / names[0] / METADATA).exists()), split)
        takes += [Take(midi, number, root / split / name, settings) for number, name in enumerate(names)]
        _check_number_of_takes(takes[-1])
    return takes


def _check_number_of_takes(take: Take) -> None:
    """Raise OptionError if the song was rendered once where several takes are wanted, or several times for one."""
    name, wanted = song_name(take.midi), take.settings.takes
    other = take.folder.with_name(name if wanted > 1 else f"{name}_1")
    if (other / METADATA).exists() and read_metadata(other / METADATA).get("UUID") == take.origin:
        raise OptionError(
            f"'{other}' is a take of '{take.midi}' already, of {'one' if wanted > 1 else 'several'}: give --takes as "
            "then, or another folder"
        )


def _splits(count: int, settings: RenderSettings) -> list[str]:
    """The split of each of so many songs; raises OptionError if they are too few to be divided."""
    cycle = [split for split, share in zip(SPLITS, settings.shares, strict=False) for _ in range(share)]
    if count < len(cycle):
        raise OptionError(f"{counted(count, 'song')} cannot be divided {settings.split}: give {len(cycle)} or more")
    return [cycle[number % len(cycle)] for number in range(count)] if cycle else [settings.split or ""] * count


def _render_take(take: Take) -> Problem | None:
    """Render a song in a worker process; what is wrong with it is returned, since other songs do not depend on it."""
    folder = take.folder
    try:
        take.render()
    except soundfile.LibsndfileError:
        return Problem(folder.name, "render", f"cannot write to '{folder.parent}': make room or choose another folder")
    except StemtreeError as error:
        return Problem(folder.name, "render", str(error))
    except MemoryError:
        return Problem(folder.name, "render", f"'{take.midi}' does not fit into memory: cut it, or give a lower rate")
    return None
