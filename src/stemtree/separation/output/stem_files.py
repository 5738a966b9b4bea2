"""A separated song on disk: one file per node and a manifest, all of them or none."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import AudioSource, FileSource, OutputFormat, StemWriter, bytes_needed, read
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import MIXTURE
from stemtree.separation.output.integer_sums import NodeSums
from stemtree.separation.output.manifest import (
    MANIFEST,
    Manifest,
    NodeStatistics,
    describe_inputs,
    describe_stems,
    listed_files,
    read_manifest,
    without_names,
    write_manifest,
)
from stemtree.separation.plan import Plan
from stemtree.separation.walk import SeparatedBlock
from stemtree.staging import staging, write_failure

_CACHED = 1 << 15
"""Samples to write at a time: few enough that all that is computed of them stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class SavedSong:
    """Where a song's stems are.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own folder.
    manifest : dict
        The content of its ``tree.json``.
    existed : bool
        Whether the stems were there before, made from the same input in the same way.
    """

    folder: Path
    manifest: Manifest
    existed: bool = False


def folder_of(song: str, folder: Path) -> Path:
    """The folder for a song's stems: named after its file, without the dot that hides a file.

    Raises
    ------
    OptionError
        If nothing is left of the file's name.
    """
    name = Path(song).stem.lstrip(".")
    if not name:
        raise OptionError(f"no folder can be named after '{song}': rename the file")
    return folder / name


def save_tree(
    blocks: Iterable[SeparatedBlock],
    plan: Plan,
    provenance: list[dict[str, object]],
    source: FileSource,
    folder: Path,
    output: OutputFormat,
    overwrite: bool = False,
) -> SavedSong:
    """Write a song's stems, unless they are there; see `Separator.save`.

    Parameters
    ----------
    blocks : iterable of SeparatedBlock
        The separated song, which is only separated when they are iterated over.
    plan, provenance
        What it is separated by.
    source : FileSource
        The song; its name is that of a file.
    folder : pathlib.Path
        Where the song's own folder goes.
    output : OutputFormat
        Format and width of the stems.
    overwrite : bool
        Replace stems that are there.

    Raises
    ------
    AudioError
        If the song cannot be read or the stems cannot be written.
    OptionError
        If other stems are there, if a stem would replace the song, or if the format cannot hold its sample rate.
    """
    song_folder = folder_of(source.name, folder)
    output = output.for_source(source.width, source.sample_rate)
    _check_names(song_folder, plan, source, output)
    inputs = describe_inputs(plan, provenance, source, output)
    if not overwrite and (saved := _existing(song_folder, inputs)):
        return saved
    with staging(song_folder) as staged:
        _check_disk_space(staged, plan, source, output)
        manifest = inputs | _write_stems(blocks, plan, source, staged, output)
        write_manifest(manifest, staged)
        _publish(staged, song_folder)
    return SavedSong(song_folder, manifest)


def _check_names(song_folder: Path, plan: Plan, source: FileSource, output: OutputFormat) -> None:
    if os.path.isfile(song_folder):  # unlike pathlib's, it takes a name of any length
        raise OptionError(
            f"'{song_folder}' is a file, and the song's folder would have its name: choose another folder"
        )
    for path in plan.wanted:
        if _is_same_file(song_folder / f"{path}.{output.container}", source.path):
            raise OptionError(f"the stem '{path}' would replace its own input '{source.name}': choose another folder")


def _is_same_file(stem: Path, song: Path) -> bool:
    try:
        return stem.exists() and stem.samefile(song)
    except OSError as error:  # such as a name that is too long
        raise AudioError(write_failure(stem, error)) from None


def _existing(song_folder: Path, inputs: Manifest) -> SavedSong | None:
    """The stems in a song's folder, if they are those that would be made; None if there are none.

    Raises
    ------
    OptionError
        If there are others.
    """
    manifest = read_manifest(song_folder)
    files, container = listed_files(manifest), inputs["format"]["container"]
    if files and all(without_names(manifest.get(key)) == without_names(value) for key, value in inputs.items()):
        complete = all(_is_whole(song_folder / file, manifest.get("samples")) for file in files)
        return SavedSong(song_folder, manifest, existed=True) if complete else None
    if not manifest and not any((song_folder / f"{path}.{container}").exists() for path in inputs["wanted"]):
        return None
    raise OptionError(
        f"'{song_folder}' holds stems of another input or made otherwise: give --overwrite or another folder"
    )


def _is_whole(stem: Path, num_samples: object) -> bool:
    """Whether a stem can be read to its last sample."""
    try:
        return isinstance(num_samples, int) and read(stem, num_samples - 1)[0].shape[1] == 1
    except AudioError:
        return False


def _check_disk_space(staged: Path, plan: Plan, source: AudioSource, output: OutputFormat) -> None:
    needed = bytes_needed(output, (source.num_samples or 0) * source.channels, len(plan.wanted))
    free = shutil.disk_usage(staged).free
    if output.container == "wav" and needed > free:
        raise AudioError(
            f"the stems of '{source.name}' take {needed / 1e6:.0f} MB and '{staged.parent}' has "
            f"{free / 1e6:.0f} MB left: make room or choose another folder"
        )


def _write_stems(
    blocks: Iterable[SeparatedBlock], plan: Plan, source: AudioSource, folder: Path, output: OutputFormat
) -> Manifest:
    """Write all stems side by side and return what the manifest says of them."""
    files = {path: f"{path}.{output.container}" for path in plan.wanted}
    statistics = {path: NodeStatistics() for path in (MIXTURE, *plan.wanted)}
    sums = NodeSums(plan.tree, output.bits)
    with ExitStack() as stack:
        writers: dict[str, StemWriter] = {}
        for path, file in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            writer = StemWriter(folder / file, output, source.sample_rate, source.channels)
            writers[path] = stack.enter_context(writer)
        for block in _pieces(blocks):
            samples = sums.sum_leaves(block.mixture, block.leaves, block.continued)
            statistics[MIXTURE].meter.add(block.mixture)
            for path, writer in writers.items():
                writer.write(samples.nodes[path])
                statistics[path].meter.add(samples.nodes[path] * (1 / sums.scale))
            for path, node in statistics.items():
                node.held += samples.held[path]
    return describe_stems(plan, files, statistics, source.channels)


def _pieces(blocks: Iterable[SeparatedBlock]) -> Iterator[SeparatedBlock]:
    for block in blocks:
        for start in range(0, block.mixture.shape[-1], _CACHED):
            piece = slice(start, start + _CACHED)
            yield SeparatedBlock(block.mixture[:, piece], block.leaves[..., piece], block.continued[..., piece])


def _publish(staged: Path, song_folder: Path) -> None:
    """Move finished stems to their final names, and delete those that only an earlier run made."""
    if not song_folder.exists():
        staged.rename(song_folder)
        return
    files = listed_files(read_manifest(staged))
    stale = set(listed_files(read_manifest(song_folder))) - set(files)
    (song_folder / MANIFEST).unlink(missing_ok=True)  # until the end the folder does not claim to be complete
    for file in files:
        (song_folder / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged / file, song_folder / file)
    for file in stale:
        if (song_folder / file).resolve().is_relative_to(song_folder.resolve()):  # manifests can be edited
            (song_folder / file).unlink(missing_ok=True)
    os.replace(staged / MANIFEST, song_folder / MANIFEST)
