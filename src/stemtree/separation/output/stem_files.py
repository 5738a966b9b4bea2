"""A separated song on disk: one file per node and a manifest; what a run adds appears whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from stemtree.audio import AudioSource, FileSource, OutputFormat, StemWriter, bytes_needed
from stemtree.audio.tags import TAGGED, read_tags, write_tags
from stemtree.errors import AudioError, DiskError, OptionError
from stemtree.hierarchy import MIXTURE, own_name
from stemtree.separation.output.exchange import exchange
from stemtree.separation.output.given import GivenReader
from stemtree.separation.output.integer_sums import NodeSums
from stemtree.separation.output.layout import MIXES, Stem, StemLayout
from stemtree.separation.output.manifest import (
    Manifest,
    NodeStatistics,
    describe_inputs,
    describe_stems,
    read_manifest,
    write_manifest,
)
from stemtree.separation.output.origin import Origin
from stemtree.separation.output.place import Place
from stemtree.separation.output.recipe import Tree, children_of
from stemtree.separation.output.song_folder import Additions, SongFolder
from stemtree.separation.walk import SeparatedBlock
from stemtree.staging import exclusive, staging, unwritable

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
    is_shared : bool
        Whether other songs may lie in the folder.
    """

    folder: Path
    manifest: Manifest
    existed: bool = False
    is_shared: bool = False


def save_tree(
    blocks: Callable[[], Iterable[SeparatedBlock]],
    origin: Origin,
    place: Place,
    output: OutputFormat,
    overwrite: bool = False,
    layout: StemLayout = StemLayout(),  # noqa: B008 - immutable
) -> SavedSong:
    """Write those of a song's stems that are not there yet; see `Separator.save` and `TreeResult.save`.

    Parameters
    ----------
    blocks : callable
        Gives the separated song, which is only separated when that is iterated over: seldom twice, if another run
        wrote into the song's folder meanwhile.
    origin : Origin
        The song, and what it is separated by.
    place : Place
        Where the stems go.
    output : OutputFormat
        Format and width of the stems.
    overwrite : bool
        Write all stems that are wanted anew, over what is there.
    layout : StemLayout
        Which nodes become files, and where they lie.

    Raises
    ------
    AudioError
        If the song cannot be read or the stems cannot be written, or if stems that are there and stay were changed.
    OptionError
        If stems are there that these cannot lie beside (see `SongFolder.additions`), if a stem would replace the song,
        or if the format cannot hold its sample rate.
    """
    song_folder, source = place.folder, origin.source
    output = output.for_source(source.width, source.sample_rate)
    stems = layout.stems(origin.tree, origin.wanted)
    inputs = describe_inputs(origin, output, [stem for stem in stems if isinstance(stem, str)])
    inputs |= {"layout": layout.kind} if layout.kind else {}
    while True:
        there = SongFolder(song_folder, inputs, place.manifest)
        known = there.left_out() if layout.active_only and not overwrite else {}
        missing = [stem for stem in stems if stem not in known]
        files = layout.files(missing, children_of(there.tree), output.container, place.track, source.name)
        _check_names(song_folder, files, origin.file)
        additions = there.additions(files, overwrite)
        if not additions.files:
            manifest = there.described(additions, {})
            _write_description(manifest, there, place)
            return SavedSong(song_folder, _for_stems(manifest, stems), True, place.is_shared)
        for stem in (*additions.given.values(), *additions.given_without.values()):
            stem.check(output.bits or 0)
        with staging(place.staged_for) as staged:
            _check_disk_space(staged, len(additions.files), source, output)
            written = _write_stems(blocks(), origin, there.tree, additions, staged, output)
            if layout.active_only:
                _leave_out(written, additions, staged)
            if origin.file:
                _tag(additions.files, origin.file, staged, output)
            manifest = there.described(additions, written)
            write_manifest(manifest, staged, place.manifest)
            if _publish(staged, there, additions):
                return SavedSong(song_folder, _for_stems(manifest, stems), False, place.is_shared)


def _tag(files: Mapping[Stem, str], source: FileSource, staged: Path, output: OutputFormat) -> None:
    """Give finished stems the song's tags and pictures; the title says which stem it is."""
    if output.container not in TAGGED:
        return
    tags = read_tags(source.path, source.stream)
    for stem, file in files.items():
        name = own_name(stem) if isinstance(stem, str) else stem.name
        of_stem = tags.of_stem(name.replace("_", " "), Path(source.name).stem)
        write_tags(staged / file, output.container, of_stem)


def _for_stems(manifest: Manifest, stems: Sequence[Stem]) -> Manifest:
    """What a manifest says of the stems that one run asked for."""
    asked = {key: value for key, value in manifest.items() if key not in ("also", *MIXES, "left_out")}
    nodes = [row for row in manifest["nodes"] if row["path"] in stems]
    left_out = [row for row in manifest.get("left_out", ()) if row["path"] in stems]
    mixes = {
        key: [row for row in manifest.get(key, ()) if kind(tuple(row["nodes"])) in stems] for key, kind in MIXES.items()
    }
    return asked | {"nodes": nodes, **mixes, "left_out": left_out}


def _leave_out(written: Manifest, additions: Additions, staged: Path) -> None:
    """Delete finished stems of nodes that are hardly there, and say so in what is written of them."""
    written["left_out"] = [row for row in written["nodes"] if not row["active"]]
    written["nodes"] = [row for row in written["nodes"] if row["active"]]
    for row in written["left_out"]:
        file = staged / row.pop("file")
        file.unlink()
        del additions.files[row["path"]]
        for folder in file.relative_to(staged).parents[:-1]:
            with suppress(OSError):  # not empty
                (staged / folder).rmdir()


def _check_names(song_folder: Path, files: Mapping[Stem, str], song: FileSource | None) -> None:
    if os.path.isfile(song_folder):  # unlike pathlib's, it takes a name of any length
        raise OptionError(
            f"'{song_folder}' is a file, and the song's folder would have its name: choose another folder"
        )
    for file in files.values():
        if song and _is_same_file(song_folder / file, song.path):
            raise OptionError(f"the stem '{file}' would replace its own input '{song.name}': choose another folder")


def _is_same_file(stem: Path, song: Path) -> bool:
    try:
        return stem.exists() and song.exists() and stem.samefile(song)
    except OSError as error:  # such as a name that is too long
        raise unwritable(stem, error) from None


def _check_disk_space(staged: Path, num_files: int, source: AudioSource, output: OutputFormat) -> None:
    needed = bytes_needed(output, (source.num_samples or 0) * source.channels, num_files)
    free = shutil.disk_usage(staged).free
    if output.container == "wav" and needed > free:
        raise DiskError(
            f"the stems of '{source.name}' take {needed / 1e6:.1f} MB and '{staged.parent}' has "
            f"{free / 1e6:.1f} MB left: make room or choose another folder"
        )


def _write_stems(
    blocks: Iterable[SeparatedBlock],
    origin: Origin,
    tree: Tree,
    additions: Additions,
    folder: Path,
    output: OutputFormat,
) -> Manifest:
    """Write the stems side by side and return what the manifest says of them."""
    statistics: dict[Stem, NodeStatistics] = {stem: NodeStatistics() for stem in (MIXTURE, *additions.files)}
    source, sums = origin.source, NodeSums(origin.tree, output.bits, children_of(tree))
    with ExitStack() as stack:
        writers: dict[Stem, StemWriter] = {}
        for stem, file in additions.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            writer = StemWriter(folder / file, output, source.sample_rate, source.channels)
            writers[stem] = stack.enter_context(writer)
        given = GivenReader(additions.given, additions.given_without, sums, stack)
        for block in _pieces(blocks):
            samples = sums.sum_leaves(block.mixture, block.leaves, block.continued, given.read(block.mixture))
            statistics[MIXTURE].add(block.mixture)
            statistics[MIXTURE].held += samples.held[MIXTURE]
            for stem, writer in writers.items():
                values, held = sums.of_stem(block.mixture, samples, stem)
                writer.write(values)
                statistics[stem].add(values, sums.scale)
                statistics[stem].held += held
    return describe_stems(additions.files, statistics, source.channels)


def _pieces(blocks: Iterable[SeparatedBlock]) -> Iterator[SeparatedBlock]:
    for block in blocks:
        for start in range(0, block.mixture.shape[-1], _CACHED):
            piece = slice(start, start + _CACHED)
            yield SeparatedBlock(block.mixture[:, piece], block.leaves[..., piece], block.continued[..., piece])


def _publish(staged: Path, there: SongFolder, additions: Additions) -> bool:
    """Move finished stems to their final names; not if another run has written into the folder meanwhile."""
    song_folder = there.folder
    try:
        staged.rename(song_folder)
        return True
    except OSError:
        if not song_folder.is_dir():
            raise
    with exclusive(song_folder):
        if read_manifest(song_folder, there.manifest_name) != there.manifest:
            return False
        exchange(staged, song_folder, there.manifest_name, (*additions.files.values(),), additions.moved)
    return True


def _write_description(manifest: Manifest, there: SongFolder, place: Place) -> None:
    """Let ``tree.json`` begin with the stems that were asked for last, which are all there, unless it cannot be."""
    if manifest == there.manifest:
        return
    with suppress(AudioError), staging(place.staged_for) as staged:
        write_manifest(manifest, staged, place.manifest)
        with exclusive(there.folder):
            if read_manifest(there.folder, place.manifest) == there.manifest:
                os.replace(staged / place.manifest, there.folder / place.manifest)
