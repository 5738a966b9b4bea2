"""Confusions that are known beforehand: masks that send known parts of tones to known leaves."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from support.query_models import make_query_model

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.errors import EvaluationError, OptionError
from stemtree.evaluation.confusion import REST, Confusion, estimated_leaves, shares, summarise_confusion
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.bounds import IdealMask, Mixture
from stemtree.evaluation.estimators.mean_mask import MeanMask
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.evaluate import evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy
from stemtree.spectral import Stft
from stemtree.types import Waveform

RATE = 4000
VOCALS, BASS, DRUMS = "vocals", "accompaniment/bass", "accompaniment/drums"
SMALL = Stft(256, 64, RATE)


@pytest.fixture
def tones(tmp_path: Path) -> Corpus:
    """Two songs of 4 s: bass at 250 Hz, drums at 1000 Hz, vocals at 1500 Hz in the first; the drums end after 2 s."""
    time, tracks = np.arange(4 * RATE) / RATE, []
    for song, leaves in enumerate(({BASS: 250, DRUMS: 1000, VOCALS: 1500}, {BASS: 250, DRUMS: 1000})):
        stems = []
        for leaf, frequency in leaves.items():
            file = tmp_path / f"{song} {frequency}.wav"
            soundfile.write(file, 0.2 * np.sin(2 * np.pi * frequency * time) * ((time < 2) | (leaf != DRUMS)), RATE)
            stems.append(Stem(leaf, leaf, leaf, AudioFile(file)))
        tracks.append(Track(str(song), "test", RATE, 4 * RATE, tuple(stems)))
    return Corpus(tmp_path, "folder", "mine", tuple(tracks))


def _masks(*rows: tuple[float, float, float]) -> MeanMask:
    """A mask for vocals, bass and drums each: values below 600 Hz, up to 1250 Hz, and above."""
    bins = torch.arange(SMALL.bins) * RATE / SMALL.window
    bands = torch.stack([bins < 600, (bins >= 600) & (bins < 1250), bins >= 1250]).float()
    return MeanMask((VOCALS, BASS, DRUMS), torch.tensor(rows) @ bands, SMALL, "")


def _measure(estimator, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, **options) -> pl.DataFrame:
    return evaluate(Confusion(estimator, SMALL), corpus, hierarchy, settings, workers=1, **options)


def test_where_tones_land(tones: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, tmp_path: Path) -> None:
    """A third of the drums is taken for bass, a fifth of the vocals for drums, and none of the bass for anything."""
    masks, file = _masks((0, 0, 0.8), (1, 1 / 3, 0), (0, 2 / 3, 0.2)), tmp_path / "rows.parquet"
    rows = _measure(masks, tones, hierarchy, settings, file=file)
    assert _measure(masks, tones, hierarchy, settings, file=file).equals(rows)  # from the file
    table = summarise_confusion(rows, hierarchy)
    # `other` is heard nowhere and estimated by nobody, so that something may be left of the mixture: nothing is.
    assert table.leaves == (VOCALS, BASS, DRUMS) and table.estimated == (VOCALS, BASS, DRUMS, REST)
    assert table.chunks == (2, 4, 2)
    expected = [[0.8, 0, 0.2, 0], [0, 1, 0, 0], [0, 1 / 3, 2 / 3, 0]]
    np.testing.assert_allclose(table.share, expected, atol=2e-3)  # windows at the ends reach into other bins
    assert table.kept(0) == pytest.approx(0.8, abs=2e-3)
    assert [name for name, _ in table.taken_for(2)] == [BASS, VOCALS, REST]


def test_what_the_estimates_leave(tones: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    table = summarise_confusion(
        _measure(_masks((0, 0, 0), (0.25, 0, 0), (0, 1, 1)), tones, hierarchy, settings), hierarchy
    )
    assert table.share[table.leaves.index(BASS)] == pytest.approx([0, 0.25, 0, 0.75], abs=2e-3)


def test_a_node_is_right_for_all_beneath(tones: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    families = IdealMask("irm", (VOCALS, "accompaniment"), SMALL)
    table = summarise_confusion(_measure(families, tones, hierarchy, settings), hierarchy)
    assert table.estimated == (VOCALS, "accompaniment")  # together they are the whole, so that there is no rest
    assert [table.kept(row) for row in range(3)] == pytest.approx([1, 1, 1], abs=1e-3)
    nodes = ("accompaniment", VOCALS, BASS, DRUMS)
    assert estimated_leaves(nodes) == nodes[1:]


def test_shares_equal_those_of_a_slow_twin() -> None:
    random = torch.Generator().manual_seed(0)
    truth, estimates = (torch.randn(3, 2, 5, 4, dtype=torch.complex64, generator=random) for _ in range(2))
    truth[2] = 0
    estimates[:, 0, 0, 0] = 0  # all are silent: no mask lets anything through
    expected = np.zeros((3, 3))
    for i in range(2):
        for j in range(3):
            for place in np.ndindex(2, 5, 4):
                whole = sum(abs(estimates[k][place].item()) for k in range(3))
                mask = abs(estimates[j][place].item()) / whole if whole else 0
                expected[i, j] += mask * abs(truth[i][place].item()) ** 2
        expected[i] /= sum(abs(value) ** 2 for value in truth[i].flatten().tolist())
    np.testing.assert_allclose(shares(truth, estimates), expected, rtol=1e-5)
    assert expected[0].sum() < 1


class Failing(Mixture):
    def estimate(self, batch: Batch) -> Waveform:
        if batch.starts[0] or batch.track == "1":
            raise ValueError("no luck")
        return super().estimate(batch)


def test_failures_stay_in_their_chunks(tones: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    rows = _measure(Failing((VOCALS, BASS, DRUMS)), tones, hierarchy, settings)
    assert rows["failure"].drop_nulls().to_list() == ["ValueError: no luck"] * 3
    table = summarise_confusion(rows, hierarchy)
    assert table.chunks == (1, 1, 1) and table.share[:, :3] == pytest.approx(0.2 * np.ones((3, 3)), abs=1e-4)
    with pytest.raises(EvaluationError, match="no leaf is heard in any of the chunks"):
        summarise_confusion(rows.filter(status="failed"), hierarchy)


def test_queries_have_no_leaves(tmp_path: Path) -> None:
    model = QueryModel(make_query_model(tmp_path / "model", [BASS, DRUMS]))
    with pytest.raises(OptionError, match="takes queries, and estimates no leaves side by side"):
        Confusion(model)
