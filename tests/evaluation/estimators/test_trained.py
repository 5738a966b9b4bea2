import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.stub_device import STUB, stub_device

from stemtree.errors import ModelError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.trained import TrainedEstimator
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


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        TrainedEstimator(tmp_path / "none")
