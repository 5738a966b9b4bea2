"""The walk down the tree: one analysis of the mixture, masks at every inner node, one synthesis per leaf."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemtree.audio import ArraySource, AudioSource, OutputFormat, open_source
from stemtree.audio.samples import ExactSamples
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, load
from stemtree.separation.output.stem_files import SavedSong, save_tree
from stemtree.separation.plan import Plan, make_plan, prune_to_served
from stemtree.separation.result import SeparatedBlock, TreeResult
from stemtree.separation.splitters.base import Block, Splitter
from stemtree.separation.splitters.registry import default_splitters
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.spectral import Stft, Synthesis, analyse_stream
from stemtree.types import Masks, Spectrogram, Waveform

DEFAULT_HIERARCHY = "ms21"

Progress = Callable[[int, int | None], None]
"""Told after each block how many samples are done, and of how many where that is known."""

_READ = 1 << 16


class Separator:
    """Separates songs into a tree of stems; keeps its weights loaded from song to song.

    Parameters
    ----------
    hierarchy : str, path or Hierarchy, optional
        What to separate into, which must then be served whole or to `depth`. Unset: that of the first trained model
        among the splitters, or MS21, as deep as the splitters can serve.
    depth : int, optional
        How many generations under the mixture to serve.
    nodes : iterable of NodePath
        Serve only these nodes.
    splitters : sequence of Splitter, optional
        By default those of `default_splitters`: Spleeter's two stems, and the default model for the accompaniment.

    Raises
    ------
    HierarchyError
        If the hierarchy, or a node of it, does not exist.
    SplitterError
        If a node has no splitter, or if weights are missing or not the published ones.
    """

    def __init__(
        self,
        hierarchy: str | Path | Hierarchy | None = None,
        *,
        depth: int | None = None,
        nodes: Iterable[NodePath] = (),
        splitters: Sequence[Splitter] | None = None,
    ) -> None:
        nodes = (nodes,) if isinstance(nodes, str) else tuple(nodes)
        at_hand: Sequence[Splitter] = default_splitters() if splitters is None else splitters
        own = next((tree for splitter in at_hand if (tree := splitter.hierarchy) is not None), DEFAULT_HIERARCHY)
        asked = hierarchy if hierarchy is not None else own
        full = asked if isinstance(asked, Hierarchy) else load(asked)
        if hierarchy is None and not nodes:
            served = prune_to_served(full, at_hand)
            nodes, depth = (served if depth is None else served.prune(depth)).paths, None
        self.plan: Plan = make_plan(full, at_hand, depth, nodes)
        self.provenance = [splitter.provenance() for splitter in self.plan.splitters]

    @property
    def tree(self) -> Hierarchy:
        """The tree that is served; its leaves may be inner nodes of the hierarchy asked for."""
        return self.plan.tree

    def separate(self, song: Any, sample_rate: int | None = None, progress: Progress | None = None) -> TreeResult:
        """Separate one song in memory.

        Parameters
        ----------
        song : path-like, AudioSource or array_like
            A file, or ``(channel, sample)`` or ``(sample,)`` samples in [-1, 1].
        sample_rate : int, optional
            Of an array, in Hz.
        progress : callable, optional
            See `Progress`.

        Returns
        -------
        TreeResult
            Every node with its audio, at the song's own rate, channels and length.

        Raises
        ------
        AudioError
            If the song cannot be read.
        OptionError
            If an array comes without its sample rate, or a file with one.
        """
        source = as_source(song, sample_rate)
        blocks = list(self.stream(source, progress))
        mixture = np.concatenate([block.mixture for block in blocks], axis=-1)
        leaves = np.concatenate([block.leaves for block in blocks], axis=-1)
        return TreeResult(self.plan.tree, self.plan.wanted, source.sample_rate, mixture, leaves)

    def save(
        self,
        song: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        output: OutputFormat = OutputFormat(),  # noqa: B008 - immutable
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> SavedSong:
        """Separate one file into ``folder/<song>/<path>.<ext>`` and ``tree.json``, in bounded memory.

        Parameters
        ----------
        song, folder : path-like
            The file, and where the song's own folder goes.
        output : OutputFormat
            Format and width of the stems.
        overwrite : bool
            Replace stems that are there. Without, equal ones are left and returned, others are an error.
        progress : callable, optional
            See `Progress`.

        Raises
        ------
        AudioError
            If the song cannot be read or the stems cannot be written; then nothing is left behind.
        OptionError
            If other stems are there, or if the format cannot hold the song's sample rate.
        """
        source = open_source(song)
        return save_tree(
            self.stream(source, progress),
            self.plan,
            self.provenance,
            source,
            Path(folder),
            output,
            overwrite,
        )

    def stream(self, source: AudioSource, progress: Progress | None = None) -> Iterator[SeparatedBlock]:
        """Separate a song block by block, in memory that does not depend on its length.

        Yields
        ------
        SeparatedBlock
            Consecutive stretches of the mixture and of all leaves of `tree`.
        """
        analysis, frames = self._analysis
        stft = analysis.at(source.sample_rate)
        synthesis, waiting, done = Synthesis(stft), _Waiting(), 0
        audio = (torch.from_numpy(waiting.put(block).astype(np.float32)) for block in source.blocks(_READ))
        context = max((splitter.context_frames for splitter in self.plan.splitters), default=0)
        for block in with_context(analyse_stream(stft, audio, frames), stft, context):
            finished = self._split(block, synthesis)
            if finished.shape[-1]:
                yield _reconcile(waiting.take(finished.shape[-1]), finished)
                done += finished.shape[-1]
                if progress:
                    progress(done, source.num_samples)
        rest = waiting.take()
        if rest.shape[-1]:
            yield _reconcile(rest, synthesis.finish()[..., : rest.shape[-1]])
        if progress:
            progress(done + rest.shape[-1], done + rest.shape[-1])

    @torch.inference_mode()
    def _split(self, mixture: Block, synthesis: Synthesis) -> torch.Tensor:
        """Walk down the tree for one block and return the samples of all leaves that it finishes."""
        parts = self._parts(mixture)
        leaves = (parts[leaf] for leaf in self.plan.tree.leaves())
        return synthesis.add([(leaf.whole, leaf.mask) for leaf in leaves])

    def _parts(self, mixture: Block) -> "dict[NodePath, _Part]":
        """What each leaf is: masks of masks (4.7), the last of which is applied when the leaf's turn comes."""
        parts = {MIXTURE: _Part(None, mixture.spectrogram)}
        for step in self.plan.steps:
            above = parts.pop(step.node)
            if step.splitter is None:
                parts[step.targets[0]] = above
                continue
            parent = mixture if step.node == MIXTURE else Block(above.spectrogram, mixture.start, mixture.stft)
            masks = step.splitter.masks(parent, step.node, step.outputs)
            together: dict[NodePath, Masks] = {}
            for target, mask in zip(step.targets, masks, strict=True):
                together[target] = together[target] + mask if target in together else mask
            parts.update({target: _Part(mask, parent.spectrogram) for target, mask in together.items()})
        return parts

    @property
    def _analysis(self) -> tuple[Stft, int]:
        """The splitters' common analysis and block length; a tree of only children has no splitter and any will do."""
        first = next(iter(self.plan.splitters), Spleeter)
        return first.stft, first.block_frames


def with_context(spectrograms: Iterable[Spectrogram], stft: Stft, context: int) -> Iterator[Block]:
    """Number consecutive blocks of the mixture and show each the frames on both sides of it.

    Parameters
    ----------
    spectrograms : iterable of Spectrogram
        ``(channel, bin, frame)`` each.
    stft : Stft
        How they were made.
    context : int
        How many frames to show. With any, a block comes when the next one is known.

    Yields
    ------
    Block
        One for each spectrogram; at the song's ends there are fewer frames to show, or none.
    """
    start, before, waiting = 0, None, None
    for spectrogram in spectrograms:
        if waiting is not None:
            yield Block(waiting, start, stft, before, spectrogram[..., :context])
            start += waiting.shape[-1]
            before = waiting[..., max(0, waiting.shape[-1] - context) :].clone()  # or it would keep the whole block
        if context:
            waiting = spectrogram
        else:
            yield Block(spectrogram, start, stft)
            start += spectrogram.shape[-1]
    if waiting is not None:
        yield Block(waiting, start, stft, before)


def separate(
    song: Any,
    sample_rate: int | None = None,
    *,
    hierarchy: str | Path | Hierarchy | None = None,
    depth: int | None = None,
    nodes: Iterable[NodePath] = (),
    splitters: Sequence[Splitter] | None = None,
    progress: Progress | None = None,
) -> TreeResult:
    """Separate one song into a tree of stems; see `Separator` and `Separator.separate`."""
    return Separator(hierarchy, depth=depth, nodes=nodes, splitters=splitters).separate(song, sample_rate, progress)


def as_source(song: Any, sample_rate: int | None = None) -> AudioSource:
    """Open what a song was given as; see `Separator.separate`."""
    if isinstance(song, str | os.PathLike):
        if sample_rate is not None:
            raise OptionError(f"'{song}' tells its own sample rate: leave out sample_rate={sample_rate}")
        return open_source(song)
    if hasattr(song, "blocks") and hasattr(song, "width"):
        return song  # type: ignore[no-any-return]
    if sample_rate is None:
        raise OptionError("an array does not tell its sample rate: give sample_rate in Hz")
    return ArraySource(song, sample_rate)


@dataclass(frozen=True, slots=True)
class _Part:
    """A mask of a spectrogram; None stands for a mask of ones."""

    mask: Masks | None
    whole: Spectrogram

    @property
    def spectrogram(self) -> Spectrogram:
        return self.whole if self.mask is None else self.mask * self.whole


class _Waiting:
    """Samples that were read and whose stems are not finished yet."""

    def __init__(self) -> None:
        self._blocks: list[ExactSamples] = []

    def put(self, block: ExactSamples) -> ExactSamples:
        self._blocks.append(block)
        return block

    def take(self, count: int | None = None) -> ExactSamples:
        held = np.concatenate(self._blocks, axis=-1)
        count = held.shape[-1] if count is None else count
        self._blocks = [held[:, count:]]
        return held[:, :count]


def _reconcile(mixture: ExactSamples, leaves: Waveform) -> SeparatedBlock:
    """Spread over the leaves what rounding in the transforms lost: about -130 dB of the mixture."""
    waves = leaves.numpy()
    waves += ((mixture - waves.sum(axis=0, dtype=np.float64)) / len(waves)).astype(np.float32)
    return SeparatedBlock(mixture, waves)
