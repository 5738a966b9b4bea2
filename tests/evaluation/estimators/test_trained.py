import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.stub_device import STUB, stub_device

from stemtree.corpora.track import Corpus
from stemtree.errors import ModelError
from stemtree.evaluation.confusion import Confusion
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.trained import TrainedEstimator
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy
from stemtree.masks.relation import RelationSettings
from stemtree.model import load_model, make_model, save_model
from stemtree.model_card import Card
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.spectral import Stft


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    card = Card(
        hierarchy="musdb18",
        tree={"bass": {}, "drums": {}, "other": {}},
        root="accompaniment",
        nodes=("bass", "drums"),
        relation=RelationSettings(kind="direct"),
        network=MaskInferenceSettings(layers=1, units=6),
        stft=Stft(128, 64, 4000),
    )
    torch.manual_seed(0)
    return save_model(make_model(card), tmp_path / "model")


def test_it_measures_the_masks_of_the_model(folder: Path) -> None:
    estimator = TrainedEstimator(folder)
    nodes = ("accompaniment/bass", "accompaniment/drums")
    assert (estimator.nodes, estimator.root, estimator.sample_rate) == (nodes, "accompaniment", 4000)
    mixture = torch.randn(2, 1, 5000, generator=torch.Generator().manual_seed(1)) / 10
    batch = Batch(mixture, torch.zeros(2, 2, 1, 5000), 4000, "song", (0, 5000))
    model = load_model(folder)
    spectrogram = model.card.stft.transform(mixture)
    with torch.inference_mode():
        expected = model.card.stft.inverse(model.estimate(spectrogram).masks * spectrogram[:, None], 5000)
    estimates = estimator.estimate(batch)
    torch.testing.assert_close(estimates, expected)
    copy = pickle.loads(pickle.dumps(estimator))
    assert torch.equal(copy.estimate(replace(batch, starts=(7, 8))), estimates)
    assert copy.provenance() == estimator.provenance()
    with stub_device() as counts:
        on_device = TrainedEstimator(folder, STUB).estimate(batch)
    torch.testing.assert_close(on_device, expected)
    assert (counts.fetched, counts.numbers) == ([expected.shape], 0)


def test_masks_of_stereo_follow_positions_where_the_card_says_so(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    following = replace(model, card=model.card.model_copy(update={"follows_position": True}))
    place = save_model(following, tmp_path / "following")
    generator = torch.Generator().manual_seed(1)
    left, right = torch.randn(2, 2, 1, 5000, generator=generator) / 10  # two songs: one source on each side
    mixture = torch.cat([left, right], dim=1)
    batch = Batch(mixture, torch.zeros(2, 2, 2, 5000), 4000, "song", (0, 5000))
    plain, moved = TrainedEstimator(folder), TrainedEstimator(place)
    assert plain.provenance() != moved.provenance() and plain.provenance()["sha256"] == moved.provenance()["sha256"]
    estimates = moved.estimate(batch)
    assert (estimates - plain.estimate(batch)).abs().max() > 1e-3
    spectrogram = model.card.stft.transform(mixture[1])
    parts = following.follow_position_(following.part_masks(spectrogram[None])[0], spectrogram)
    masks = following.relation.partition.sum_parts(parts, dim=0)
    torch.testing.assert_close(estimates[1], model.card.stft.inverse(masks * spectrogram, 5000))
    mono = replace(batch, mixture=left, truth=torch.zeros(2, 2, 1, 5000))
    torch.testing.assert_close(moved.estimate(mono), plain.estimate(mono))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        TrainedEstimator(tmp_path / "none")


@pytest.mark.parametrize("channels", [2, "mid_side"])
def test_mono_counts_as_two_equal_channels(folder: Path, channels: int | str) -> None:
    card = load_model(folder).card.model_copy(update={"channels": channels})
    estimator = TrainedEstimator(save_model(make_model(card), folder))
    mono = torch.randn(2, 1, 5000, generator=torch.Generator().manual_seed(1)) / 10
    stereo = estimator.mask(mono.expand(-1, 2, -1))
    assert stereo.shape == (2, 2, 2, 5000)
    torch.testing.assert_close(estimator.mask(mono), stereo.mean(dim=2, keepdim=True))


def test_a_model_that_a_process_cannot_load_is_no_fault_of_chunks(
    folder: Path, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    for estimator in (TrainedEstimator(folder), Confusion(TrainedEstimator(folder))):
        measurer = pickle.dumps(estimator.measurer(estimator.nodes, corpus, hierarchy, settings))
        weights = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(weights[:-1])
        with pytest.raises(ModelError, match="are damaged"):
            pickle.loads(measurer).measure_song(corpus.tracks[0], [0, 100])
        (folder / "model.safetensors").write_bytes(weights)
