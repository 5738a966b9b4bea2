"""A separated song on disk: one file per node and a manifest; what a run adds appears whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import AudioSource, FileSource, OutputFormat, StemReader, StemWriter, bytes_needed
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.separation.output.integer_sums import NodeSums
from stemtree.separation.output.manifest import (
    MANIFEST,
    Manifest,
    NodeStatistics,
    describe_inputs,
    describe_stems,
    read_manifest,
    write_manifest,
)
from stemtree.separation.output.recipe import children_of
from stemtree.separation.output.song_folder import Additions, SongFolder
from stemtree.separation.plan import Plan
from stemtree.separation.walk import SeparatedBlock
from stemtree.staging import exclusive, staging, write_failure

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
        What its ``tree.json`` says of the stems that were asked for; others may be there too.
    existed : bool
        Whether all of them were there before, made from the same input in the same way.
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
    blocks: Callable[[], Iterable[SeparatedBlock]],
    plan: Plan,
    provenance: list[dict[str, object]],
    source: FileSource,
    folder: Path,
    output: OutputFormat,
    overwrite: bool = False,
) -> SavedSong:
    """Write those of a song's stems that are not there yet; see `Separator.save`.

    Parameters
    ----------
    blocks : callable
        Gives the separated song, which is only separated when that is iterated over: seldom twice, if another run
        wrote into the song's folder meanwhile.
    plan, provenance
        What it is separated by.
    source : FileSource
        The song; its name is that of a file.
    folder : pathlib.Path
        Where the song's own folder goes.
    output : OutputFormat
        Format and width of the stems.
    overwrite : bool
        Write all stems that are wanted anew, over what is there.

    Raises
    ------
    AudioError
        If the song cannot be read or the stems cannot be written.
    OptionError
        If stems are there that these cannot lie beside (see `SongFolder.additions`), if a stem would replace the song,
        or if the format cannot hold its sample rate.
    """
    song_folder = folder_of(source.name, folder)
    output = output.for_source(source.width, source.sample_rate)
    files = {path: f"{path}.{output.container}" for path in plan.wanted}
    _check_names(song_folder, files, source)
    inputs = describe_inputs(plan, provenance, source, output)
    while True:
        there = SongFolder(song_folder, inputs)
        additions = there.additions(files, overwrite)
        if not additions.files:
            manifest = there.described(additions, {})
            _write_description(manifest, there)
            return SavedSong(song_folder, _for_nodes(manifest, files), existed=True)
        with staging(song_folder) as staged:
            _check_disk_space(staged, len(additions.files), source, output)
            written = _write_stems(blocks(), plan, additions, source, staged, output)
            manifest = there.described(additions, written)
            write_manifest(manifest, staged)
            if _publish(staged, there, additions):
                return SavedSong(song_folder, _for_nodes(manifest, files))


def _for_nodes(manifest: Manifest, files: Mapping[NodePath, str]) -> Manifest:
    """What a manifest says of the stems that one run asked for."""
    nodes = [row for row in manifest["nodes"] if row["path"] in files]
    return {key: value for key, value in manifest.items() if key != "also"} | {"nodes": nodes}


def _check_names(song_folder: Path, files: Mapping[NodePath, str], source: FileSource) -> None:
    if os.path.isfile(song_folder):  # unlike pathlib's, it takes a name of any length
        raise OptionError(
            f"'{song_folder}' is a file, and the song's folder would have its name: choose another folder"
        )
    for path, file in files.items():
        if _is_same_file(song_folder / file, source.path):
            raise OptionError(f"the stem '{path}' would replace its own input '{source.name}': choose another folder")


def _is_same_file(stem: Path, song: Path) -> bool:
    try:
        return stem.exists() and stem.samefile(song)
    except OSError as error:  # such as a name that is too long
        raise AudioError(write_failure(stem, error)) from None


def _check_disk_space(staged: Path, num_files: int, source: AudioSource, output: OutputFormat) -> None:
    needed = bytes_needed(output, (source.num_samples or 0) * source.channels, num_files)
    free = shutil.disk_usage(staged).free
    if output.container == "wav" and needed > free:
        raise AudioError(
            f"the stems of '{source.name}' take {needed / 1e6:.0f} MB and '{staged.parent}' has "
            f"{free / 1e6:.0f} MB left: make room or choose another folder"
        )


def _write_stems(
    blocks: Iterable[SeparatedBlock],
    plan: Plan,
    additions: Additions,
    source: AudioSource,
    folder: Path,
    output: OutputFormat,
) -> Manifest:
    """Write the stems side by side and return what the manifest says of them."""
    statistics = {path: NodeStatistics() for path in (MIXTURE, *additions.files)}
    sums = NodeSums(plan.tree, output.bits, children_of(additions.tree))
    with ExitStack() as stack:
        writers: dict[NodePath, StemWriter] = {}
        for path, file in additions.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            writer = StemWriter(folder / file, output, source.sample_rate, source.channels)
            writers[path] = stack.enter_context(writer)
        readers = {
            path: stack.enter_context(StemReader(file, output.bits or 0)) for path, file in additions.given.items()
        }
        for block in _pieces(blocks):
            given = {path: reader.read(block.mixture.shape[-1]) for path, reader in readers.items()}
            samples = sums.sum_leaves(block.mixture, block.leaves, block.continued, given)
            statistics[MIXTURE].meter.add(block.mixture)
            for path, writer in writers.items():
                writer.write(samples.nodes[path])
                statistics[path].meter.add(samples.nodes[path] * (1 / sums.scale))
            for path, node in statistics.items():
                node.held += samples.held[path]
    return describe_stems(additions.files, statistics, source.channels)


def _pieces(blocks: Iterable[SeparatedBlock]) -> Iterator[SeparatedBlock]:
    for block in blocks:
        for start in range(0, block.mixture.shape[-1], _CACHED):
            piece = slice(start, start + _CACHED)
            yield SeparatedBlock(block.mixture[:, piece], block.leaves[..., piece], block.continued[..., piece])


def _publish(staged: Path, there: SongFolder, additions: Additions) -> bool:
    """Move finished stems to their final names; not if another run has written into the folder meanwhile.

    Whenever it is interrupted, ``tree.json`` lists no file that is not what it says; some may be missing.
    """
    song_folder = there.folder
    try:
        staged.rename(song_folder)
        return True
    except OSError:
        if not song_folder.is_dir():
            raise
    with exclusive(song_folder):
        if read_manifest(song_folder) != there.manifest:
            return False
        for file in additions.files.values():
            (song_folder / file).unlink(missing_ok=True)
        os.replace(staged / MANIFEST, song_folder / MANIFEST)
        for file in additions.files.values():
            (song_folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / file, song_folder / file)
    return True


def _write_description(manifest: Manifest, there: SongFolder) -> None:
    """Let ``tree.json`` begin with the stems that were asked for last, which are all there, unless it cannot be."""
    if manifest == there.manifest:
        return
    with suppress(AudioError), staging(there.folder) as staged:
        write_manifest(manifest, staged)
        with exclusive(there.folder):
            if read_manifest(there.folder) == there.manifest:
                os.replace(staged / MANIFEST, there.folder / MANIFEST)
