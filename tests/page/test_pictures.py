from pathlib import Path

import numpy as np
import pytest
from support.page_songs import make_song

from stemtree.page.pictures import Grid, summarise
from stemtree.page.stems import LeafReader
from stemtree.page.tree import read_tree


def test_pictures_against_slow_twins(tmp_path: Path) -> None:
    nodes = make_song(tmp_path, num_samples=16_000, rate=8000)
    tree = read_tree(tmp_path)
    reader, grid = LeafReader(tree), Grid(8000)
    (block,) = reader.blocks(16_000)
    summary = summarise(tree, grid, reader.widths, block)
    assert (grid.peak, grid.column) == (80, 800)
    for number, node in enumerate(tree.nodes):
        signal = nodes[node.path] / 2.0**15
        for peak in (0, 7, 199):
            loudest = np.abs(signal[peak * 80 : (peak + 1) * 80]).max()
            assert 10 ** ((summary.peaks[number, peak] / 255 - 1) * 96 / 20) == pytest.approx(loudest, rel=0.03)
        for column in (0, 5, 19):
            window = signal[column * 800 :][: grid.window]
            assert summary.power[number, column] == pytest.approx(np.mean(window**2), rel=1e-4)
            spectrum = np.abs(np.fft.rfft(window.mean(axis=1) * grid.taper)) ** 2
            for band in (0, 40, 95):
                first, last = grid.edges[band], max(grid.edges[band] + 1, grid.edges[band + 1])
                assert summary.bands[number, column, band] == pytest.approx(spectrum[first:last].max(), rel=1e-3)


def test_the_spectrogram_of_a_sine_of_full_scale(tmp_path: Path) -> None:
    sine = np.rint(32767 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000))
    make_song(tmp_path, {"one": {}}, num_samples=8000, signal=lambda *_: np.stack([sine, sine], axis=1))
    tree = read_tree(tmp_path)
    reader = LeafReader(tree)
    (block,) = reader.blocks(8000)
    assert summarise(tree, Grid(8000), reader.widths, block).bands.max() == pytest.approx(1, rel=0.02)


def test_stems_that_are_not_the_whole_song_may_go_beyond_full_scale_together(tmp_path: Path) -> None:
    loud = np.full((8000, 2), 30_000)
    nodes = make_song(
        tmp_path,
        {"a": {}, "b": {}, "c": {}},
        num_samples=8000,
        wanted=["a", "b"],
        signal=lambda leaf, *_: loud if leaf < 2 else -loud,
    )
    tree = read_tree(tmp_path)
    assert not tree.covers and len(nodes) == 4
    reader = LeafReader(tree)
    (block,) = reader.blocks(8000)
    assert summarise(tree, Grid(8000), reader.widths, block).power[0] == pytest.approx((60_000 / 2**15) ** 2, rel=1e-4)


def test_loudness_of_any_mix(tmp_path: Path) -> None:
    """The products tell how loud a mix is under K-weighting, to a tenth of a dB of what filtering it gives."""
    from stemtree.audio.loudness import LoudnessMeter

    nodes = make_song(tmp_path, num_samples=441_000, rate=44_100)
    tree = read_tree(tmp_path)
    reader = LeafReader(tree)
    (block,) = reader.blocks(441_000)
    products = summarise(tree, Grid(44_100), reader.widths, block).loudness

    def both(gains: list[float]) -> tuple[float, float]:
        leaves = [nodes[tree.nodes[leaf.node].path] for leaf in tree.leaves]
        meter = LoudnessMeter(44_100, 2)
        meter.add(sum(gain * leaf for gain, leaf in zip(gains, leaves, strict=True)).T / 2.0**15)
        return float(sum(gains @ channel @ gains for channel in products)), meter.loudness()

    energy, loudness = both([1.0] * 5)
    for gains in ([1.0, 0, 0, 0, 0], [0.0, 0.5, 2, 0, 1]):
        other_energy, other_loudness = both(gains)
        assert 10 * np.log10(other_energy / energy) == pytest.approx(other_loudness - loudness, abs=0.1)
