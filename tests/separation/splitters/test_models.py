"""What is told of the models that are here."""

import pytest

from stemtree.model import load_model
from stemtree.networks.unet import UNet
from stemtree.separation.splitters.models import SHIPPED, SPLEETER_PARAMETERS, _figures, models_here

ROOT = "accompaniment"
NODES = ("bass", "percussion", "percussion/drum_set", "percussion/nontonal_percussion")


def test_means_of_levels_over_chunks() -> None:
    """A leaf stands for the levels that its branch lacks; nodes that were not measured are left out."""
    measured = {
        "accompaniment": {"si_sdr_improvement": 50.0, "chunks": 1},  # the root itself
        "accompaniment/bass": {"si_sdr_improvement": 1.0, "chunks": 3},
        "accompaniment/percussion": {"si_sdr_improvement": 5.0, "chunks": 1},
        "accompaniment/percussion/drum_set": {"si_sdr_improvement": 9.0, "chunks": 1},
    }
    assert _figures({"mine": measured}, ROOT, NODES) == {"mine": (2.0, 3.0)}
    measured["accompaniment/percussion/drum_set"] = {"si_sdr_improvement": 9.0}  # of unknown chunks: a plain mean
    assert _figures({"mine": measured}, ROOT, NODES) == {"mine": (2.0, 5.0)}


@pytest.mark.parametrize("metrics", [None, [], {"mine": 3}, {"mine": {"accompaniment/bass": 3.0}}, {"mine": {}}])
def test_what_is_no_figure(metrics: object) -> None:
    assert _figures(metrics, ROOT, NODES) == {}


def test_the_default_model() -> None:
    """As docs/results/default-model.md has it: bass, percussion and other 5.06 dB, instruments 3.16."""
    shipped = {model.name: model for model in models_here()}
    model = shipped["default model"]
    families, instruments = model.figures["openmsx_pipeline"]
    assert (round(families, 1), round(instruments, 1)) == (5.1, 3.2)
    assert model.cpu_seconds == 0.032
    assert all(shipped[name].cpu_seconds for name in SHIPPED)


def test_parameters_are_what_is_learned() -> None:
    """As many as the networks have: neither statistics of batch norms nor what the files spend on them."""
    voices = next(model for model in models_here() if model.name == "voices")
    assert voices.parameters == sum(one.numel() for one in load_model(voices.place).network.parameters())
    assert 2 * sum(one.numel() for one in UNet().parameters()) == SPLEETER_PARAMETERS
