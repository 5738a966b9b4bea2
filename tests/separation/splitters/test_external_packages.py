from pathlib import Path

import numpy as np
import pytest
import torch
from support import separator_packages as packages
from support.audio import si_sdr

from stemtree.separation.splitters.external_loading import load_package


def test_demucs_is_run_as_its_own_api_does(tmp_path: Path, excerpt: np.ndarray) -> None:
    name = packages.demucs(tmp_path)
    from demucs.api import Separator as Demucs

    audio = torch.from_numpy(excerpt)
    theirs = Demucs("tiny", tmp_path, device="cpu", shifts=0, overlap=0.1).separate_tensor(audio, 44100)[1]
    package = load_package("demucs", name.partition(":")[2])
    assert package.sources == tuple(theirs)
    with torch.inference_mode():
        assert torch.equal(package.separate(audio), torch.stack(list(theirs.values())))


def test_openunmix_is_run_as_its_own_api_does(tmp_path: Path, excerpt: np.ndarray) -> None:
    name = packages.openunmix(tmp_path)
    from openunmix.predict import separate

    package = load_package("openunmix", name.partition(":")[2])
    assert package.sources == tuple(sorted(packages.STEMS))
    theirs = separate(torch.from_numpy(excerpt), 44100, str(tmp_path), list(package.sources), device="cpu")
    ours = package.separate(torch.from_numpy(excerpt))
    assert torch.allclose(ours, torch.cat(list(theirs.values())), atol=1e-6)


def test_pymss_is_run_as_its_own_api_does(tmp_path: Path, excerpt: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.pymss(tmp_path, monkeypatch, "BS-Roformer-SW", packages.SIX)
    from pymss import MSSeparator

    theirs = MSSeparator.from_model_name("BS-Roformer-SW", device="cpu").separate(excerpt, pbar=False)
    package = load_package("pymss")
    assert package.sources == tuple(theirs) == tuple(packages.SIX) and package.category == "music_stems/six_stem"
    with torch.inference_mode():
        ours = package.separate(torch.from_numpy(excerpt))
    assert np.allclose(ours.numpy(), np.stack([stem.T for stem in theirs.values()]), atol=1e-6)


def test_unblends_htdemucs_is_demucss(tmp_path: Path, excerpt: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages, one architecture: with the weights of one, the other says the same."""
    demucs, unblend = packages.demucs(tmp_path), packages.unblend(tmp_path, monkeypatch)
    one, other = (load_package(*name.split(":")) for name in (demucs, unblend))
    other.network.load_state_dict(one.network.state_dict())
    with torch.inference_mode():
        ours, theirs = (package.separate(torch.from_numpy(excerpt)) for package in (one, other))
    assert si_sdr(ours.numpy(), theirs.numpy()) > 60
