"""Spectrograms and masks of one chunk beside the truth (thesis, figure 15): computed once, kept with the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stemtree.data.signals import node_signals
from stemtree.errors import OptionError
from stemtree.evaluation.levels import CHUNK, same_chunks
from stemtree.experiments.comparison import METRIC
from stemtree.experiments.plan import target_nodes
from stemtree.experiments.results import Finished
from stemtree.experiments.test_set import TestSet
from stemtree.hierarchy import load as load_hierarchy
from stemtree.masks.ideal import ideal_masks
from stemtree.model import load_model
from stemtree.staging import whole_file
from stemtree.training.settings import TrainSettings

_RANGE = 80.0
"""How many dB below the loudest bin are shown."""

_POOL = (3, 2)
"""How many bins and frames are averaged, so that the file stays small."""


@dataclass(frozen=True)
class MedianChunk:
    """What is drawn.

    Parameters
    ----------
    key : str
        What it was made from.
    where : str
        Song and second.
    levels : tuple of str
        From the highest.
    columns : tuple of str
        ``truth``, then the arms.
    mixture : ndarray
        ``(bin, frame)`` bytes: 255 is the loudest bin, 0 is 80 dB below it.
    spectrograms, masks : ndarray
        ``(level, column, bin, frame)`` bytes; of masks 255 is 1.
    improvement : ndarray
        ``(level, column)`` SI-SDR improvement in dB; NaN for the truth.
    seconds, hertz : float
        What an image spans.
    """

    key: str
    where: str
    levels: tuple[str, ...]
    columns: tuple[str, ...]
    mixture: NDArray[np.uint8]
    spectrograms: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    improvement: NDArray[np.float64]
    seconds: float
    hertz: float

    def save(self, file: Path) -> None:
        """Write it as a compressed archive of arrays."""
        fields = {name: np.asarray(value) for name, value in self.__dict__.items()}
        with whole_file(file) as partial, partial.open("wb") as content:
            np.savez_compressed(content, allow_pickle=False, **fields)

    @classmethod
    def load(cls, file: Path) -> "MedianChunk":
        """Read what `save` wrote."""
        with np.load(file, allow_pickle=False) as content:
            fields: dict[str, Any] = dict(content)
        for name in ("key", "where"):
            fields[name] = str(fields[name])
        for name in ("levels", "columns"):
            fields[name] = tuple(map(str, fields[name]))
        return cls(**fields | {name: float(fields[name]) for name in ("seconds", "hertz")})


def find_chunk(runs: Sequence[Finished], test: str) -> tuple[str, float, pl.DataFrame]:
    """The chunk in the middle when chunks are put in the order of the runs' mean improvement, and the runs' rows of it.

    Returns
    -------
    track, start
        The chunk.
    rows : polars.DataFrame
        With the arm of each row.
    """
    tables = [same_chunks(run.rows.filter(test=test)).with_columns(pl.lit(run.arm).alias("arm")) for run in runs]
    rows = pl.concat(tables).filter(pl.col(METRIC).is_finite())
    whole = rows.filter(pl.len().over(CHUNK) == pl.len().over(CHUNK).max())  # all levels of all runs
    means = whole.group_by(CHUNK).agg(pl.col(METRIC).mean()).sort(METRIC, *CHUNK)
    track, start, target, _ = means.row((len(means) - 1) // 2)
    return track, start, rows.filter(track=track, start=start, target=target)


def make_chunk(
    runs: Sequence[Finished], models: Mapping[str, Path], settings: TrainSettings, test: TestSet, key: str
) -> MedianChunk:
    """Estimate the masks of the median chunk.

    Parameters
    ----------
    runs : sequence of Finished
        One of each arm that is shown.
    models : mapping
        The folder of each arm's model.
    settings : TrainSettings
        Of the task: hierarchy and targets.
    test : TestSet
        The songs.
    key : str
        What it is made from.

    Raises
    ------
    StemtreeError
        If a model or the song cannot be read.
    """
    track_id, start, rows = find_chunk(runs, test.name)
    tree = load_hierarchy(settings.hierarchy)
    corpus = test.corpus.load(test.corpus.hierarchy(tree))
    tracks = {track.id: track for track in corpus.tracks}
    if track_id not in tracks:
        raise OptionError(f"the song '{track_id}' is not in '{corpus.root}': give the corpus that was measured")
    track, stft = tracks[track_id], settings.stft
    nodes = target_nodes(settings, tree)
    first, length = round(start * track.sample_rate), round(test.duration * track.sample_rate)
    signals = node_signals(track, (settings.subtree, *nodes), first, length, mono=True)
    mixture, *truth = stft.transform(torch.from_numpy(np.stack(signals)))
    loudest = float(mixture.abs().max())
    masks = [[mask[0].numpy() for mask in ideal_masks("psa", torch.stack(truth), mixture)]]
    for run in runs:
        model = load_model(models[run.arm])
        with torch.inference_mode():
            found = model.estimate(mixture[None]).masks[0, :, 0].numpy()
        order = [model.card.nodes.index(node) for node in nodes]
        masks.append([found[index] for index in order])
    spectrograms = [[np.abs(signal[0].numpy()) for signal in truth]]
    spectrograms += [[mask * np.abs(mixture[0].numpy()) for mask in of_arm] for of_arm in masks[1:]]
    improvement = np.full((len(nodes), len(runs) + 1), np.nan)
    for column, run in enumerate(runs, start=1):
        of_arm = dict(rows.filter(arm=run.arm).select("node", METRIC).iter_rows())
        improvement[:, column] = [of_arm[node] for node in nodes]
    return MedianChunk(
        key,
        f"'{track.id}' at {start:g} s",
        tuple(f"level {len(nodes) - number}" for number in range(len(nodes))),
        ("truth", *(run.arm for run in runs)),
        _image(np.abs(mixture[0].numpy()), loudest),
        np.stack([[_image(of_column[level], loudest) for of_column in spectrograms] for level in range(len(nodes))]),
        np.stack([[_bytes(_pooled(of_column[level])) for of_column in masks] for level in range(len(nodes))]),
        improvement,
        test.duration,
        stft.sample_rate / 2,
    )


def draw(chunk: MedianChunk) -> Figure:
    """The mixture above; below it a row for each level, with spectrogram and mask of the truth and of every arm."""
    columns = len(chunk.columns)
    with matplotlib.rc_context({"font.size": 7, "font.family": "sans-serif"}):
        figure = Figure(figsize=(2.1 * columns, 1.1 + 2.1 * len(chunk.levels)), layout="constrained", dpi=100)
        axes = figure.subplots(1 + 2 * len(chunk.levels), columns, squeeze=False)
        extent = (0.0, chunk.seconds, 0.0, chunk.hertz / 1000)
        for axis in axes.flat:
            axis.set_xticks([])
            axis.set_yticks([])
        for axis in axes[0, 1:]:
            axis.axis("off")
        axes[0, 0].imshow(chunk.mixture, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=255)
        axes[0, 0].set_title("mixture")
        axes[0, 0].set_ylabel(f"0 to {chunk.hertz / 1000:g} kHz")
        for level, name in enumerate(chunk.levels):
            for column, arm in enumerate(chunk.columns):
                for row, images, colours in ((1, chunk.spectrograms, "magma"), (2, chunk.masks, "gray")):
                    axis = axes[2 * level + row, column]
                    image = images[level, column]
                    axis.imshow(image, origin="lower", aspect="auto", extent=extent, cmap=colours, vmin=0, vmax=255)
                gained = chunk.improvement[level, column]
                title = arm if np.isnan(gained) else f"{arm}, {round(gained, 1) + 0.0:+.1f} dB"
                axes[2 * level + 1, column].set_title(title.replace("-", "\N{MINUS SIGN}"))
            axes[2 * level + 1, 0].set_ylabel(name)
            axes[2 * level + 2, 0].set_ylabel("mask")
    return figure


def save_png(figure: Figure, file: Path) -> None:
    """Write a figure as PNG, without the program's name or a date."""
    with whole_file(file) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _image(magnitude: NDArray[np.float32], loudest: float) -> NDArray[np.uint8]:
    decibels = 20 * np.log10(np.maximum(_pooled(magnitude), 1e-12) / loudest)
    return _bytes(1 + decibels / _RANGE)


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _pooled(image: NDArray[Any]) -> NDArray[Any]:
    bins, frames = (size // step * step for size, step in zip(image.shape, _POOL, strict=True))
    parts = image[:bins, :frames].reshape(bins // _POOL[0], _POOL[0], frames // _POOL[1], _POOL[1])
    return np.asarray(parts.mean(axis=(1, 3)))
