"""Separating songs into trees: in memory, or to files."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from stemtree.audio import AudioSource, FileSource, OutputFormat, open_source, to_source
from stemtree.devices import AUTO, find_device
from stemtree.errors import AudioWarning, whole_number
from stemtree.hierarchy import Hierarchy, NodePath, load, own_name
from stemtree.separation.batches import Batches
from stemtree.separation.output.layout import StemLayout
from stemtree.separation.output.origin import origin_of
from stemtree.separation.output.place import place_of
from stemtree.separation.output.stem_files import SavedSong, save_tree
from stemtree.separation.plan import Plan, plan_walk
from stemtree.separation.preview import preview
from stemtree.separation.result import TreeResult
from stemtree.separation.splitters.registry import Splitters, find_splitters, splitters_of
from stemtree.separation.splitters.stem_map_files import StemMaps
from stemtree.separation.walk import SeparatedBlock, joined, walk

Progress = Callable[[int, int | None], None]
"""Called after each block with the number of samples that are done, and of all samples where that is known."""


class Separator:
    """Separates songs into a tree of stems; keeps its weights loaded from song to song.

    Parameters
    ----------
    hierarchy : str, path or Hierarchy, optional
        What to separate into: a tree that the splitters are made for, or one whose nodes are sums of what they make, as
        MUSDB18's four stems are. A node whose children no splitter tells apart stays whole; `notes` says so. By default
        that of the first splitter that is made for one (or one that continues it, if another splitter is made for
        that), or MS21, as deep as the splitters go.
    depth : int, optional
        Number of generations under the mixture.
    nodes : iterable of str
        Only separate these nodes, by any names that `stemtree.hierarchy.find_nodes` knows.
    splitters : str, path-like or Splitter, or several, optional
        In order of precedence: names as ``--splitter`` of the command line takes them, such as ``demucs:htdemucs`` or
        the folder of a trained model (see `make_splitters`), and objects of one's own. After names come
        `default_splitters`, which are also the default: Spleeter's two stems, and models for what lies beneath. Objects
        without a name among them are all there is.
    stem_maps : StemMaps
        Files that say which nodes the stems of other separators are, as ``--stem-map`` of the command line takes them,
        or by the names of the splitters.
    device : str or torch.device
        Where to compute: ``auto`` (a GPU where torch has one), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. The splitters
        move there. Stems add up on any; between devices they differ by rounding, below -100 dBFS.
    batch : int, optional
        How many blocks of 12 s the device gets at once; by default one on the CPU, and elsewhere what its memory holds.

    Raises
    ------
    OptionError
        If `device` or `batch` cannot be.
    DeviceError
        If this machine has no such device.
    HierarchyError
        If the hierarchy, or a node of it, does not exist, or if no splitter tells nodes of it apart.
    SplitterError
        If a node has no splitter, or if weights are missing or not the published ones.
    """

    def __init__(
        self,
        hierarchy: str | Path | Hierarchy | None = None,
        *,
        depth: int | None = None,
        nodes: Iterable[str] = (),
        splitters: Splitters | None = None,
        stem_maps: StemMaps = (),
        device: str | torch.device = AUTO,
        batch: int | None = None,
    ) -> None:
        nodes = (nodes,) if isinstance(nodes, str) else tuple(nodes or ())
        depth = None if depth is None else whole_number(depth, "the depth", 1)
        tree = hierarchy if hierarchy is None or isinstance(hierarchy, Hierarchy) else load(hierarchy)
        given = splitters_of(splitters)
        names = [entry for entry in given if isinstance(entry, str)]
        if len(names) == len(given):  # wrong names are answered before weights are read
            preview(tree, names, depth, nodes, stem_maps)
        self._batches = Batches(find_device(device), batch)
        self.plan: Plan = plan_walk(tree, find_splitters(given, tree, stem_maps), depth, nodes)
        for used in self.plan.splitters:
            if used.device != self.device:
                used.to(self.device)
        self.provenance = [splitter.provenance() for splitter in self.plan.splitters]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._batches.device

    @property
    def blocks_at_once(self) -> int:
        """How many blocks the device gets at once; less after a song for which its memory did not suffice."""
        return self._batches.size

    @property
    def tree(self) -> Hierarchy:
        """The tree that is separated; its leaves may be inner nodes of the hierarchy asked for."""
        return self.plan.tree

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on each way in which `tree` is not the hierarchy asked for."""
        return self.plan.notes

    def separate(
        self,
        song: Any,
        sample_rate: int | None = None,
        progress: Progress | None = None,
        *,
        stream: int | None = None,
        accept_truncated: bool = False,
    ) -> TreeResult:
        """Separate one song in memory.

        Parameters
        ----------
        song : path-like, binary file object, AudioSource, array_like or tuple
            See `stemtree.audio.to_source`: a file; ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1]; or
            samples and sample rate as `soundfile.read` returns them.
        sample_rate : int, optional
            Of an array, in Hz.
        progress : callable, optional
            See `Progress`.
        stream : int, optional
            Number of the audio stream in the file, counted from 0; by default the first.
        accept_truncated : bool
            Separate a file that is cut off as far as it goes.

        Returns
        -------
        TreeResult
            Every node with its audio, at the song's own rate, channels and length.

        Raises
        ------
        AudioError
            If the song cannot be read.
        TruncatedError
            If the song is cut off.
        OptionError
            If an array comes without its sample rate, or a file with one.

        Warns
        -----
        AudioWarning
            If a file is cut off, or has other audio streams; if a mono song has parts that need stereo.
        DeviceWarning
            If the device's memory holds fewer blocks at once.
        """
        source = to_source(song, sample_rate, stream=stream, accept_truncated=accept_truncated)
        origin = origin_of(source, self.plan, self.provenance)
        samples = joined(self.stream(source, progress))
        self._warn(source)
        return TreeResult(origin, samples)

    def save(
        self,
        song: str | os.PathLike[str] | FileSource,
        folder: str | os.PathLike[str],
        output: OutputFormat | str = OutputFormat(),  # noqa: B008 - immutable
        *,
        layout: StemLayout = StemLayout(),  # noqa: B008 - immutable
        overwrite: bool = False,
        progress: Progress | None = None,
        stream: int | None = None,
        accept_truncated: bool = False,
        track: str | None = None,
    ) -> SavedSong:
        """Separate one file into ``folder/<song>/<path>.<ext>`` and ``tree.json``, in bounded memory.

        Parameters
        ----------
        song : path-like or FileSource
            The file.
        folder : path-like
            Where the song's own folder goes.
        output : OutputFormat or str
            Format and width of the stems, or the name of the format.
        layout : StemLayout
            Which of the nodes become files, and where in the song's folder they lie.
        overwrite : bool
            Replace the stems that are asked for where they are there. Otherwise missing ones are added.
        progress, stream, accept_truncated
            See `separate`.
        track : str, optional
            What the song is called in the output, by default as its file.

        Raises
        ------
        AudioError
            If the song cannot be read or the stems cannot be written; then nothing is left behind.
        OptionError
            If stems are there that these cannot lie beside, or if the format cannot hold the song's sample rate.

        Warns
        -----
        AudioWarning
            If the file is cut off, or has other audio streams; if a mono song has parts that need stereo.
        """
        source = song if isinstance(song, FileSource) else open_source(song, stream, accept_truncated=accept_truncated)
        output = OutputFormat(output) if isinstance(output, str) else output

        def blocks() -> Iterator[SeparatedBlock]:
            return self.stream(source, progress)

        place = place_of(source.name, Path(folder), layout, track)
        saved = save_tree(blocks, origin_of(source, self.plan, self.provenance), place, output, overwrite, layout)
        self._warn(source)
        return saved

    def stream(self, source: AudioSource, progress: Progress | None = None) -> Iterator[SeparatedBlock]:
        """Separate a song block by block, in memory that does not depend on its length.

        Parameters
        ----------
        source : AudioSource
            The song, such as `stemtree.audio.open_source` returns.
        progress : callable, optional
            See `Progress`.

        Yields
        ------
        SeparatedBlock
            Consecutive samples of the mixture and of all leaves of `tree`.
        """
        done = 0
        for block in walk(self.plan, source, self._batches):
            yield block
            done += block.mixture.shape[-1]
            if progress:
                progress(done, source.num_samples)
        if progress:
            progress(done, done)

    def _warn(self, source: AudioSource) -> None:
        """Pass on what a user should know of how a file was read, and of what a mono song lacks."""
        notes = list(source.notes) if isinstance(source, FileSource) else []
        for step in self.plan.steps if source.channels == 1 else ():
            if step.splitter and step.splitter.needs_stereo:
                notes.append(_mono_note(source.name, step.node))
        for note in notes:
            warnings.warn(note, AudioWarning, stacklevel=3)


def _mono_note(song: str, node: NodePath) -> str:
    return (
        f"'{song}' is mono: the parts of '{own_name(node) or 'the mixture'}' are told apart by where they lie in the "
        "stereo image, so expect little of them"
    )
