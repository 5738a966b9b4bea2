"""Shared pieces: the real song that ships with the weights, small files, and the command line in process."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import tones as support_tones
from support.memory import MemoryReturner
from support.query_models import make_stand_in

from stemtree.cli import main
from stemtree.model_files import has_model
from stemtree.networks.unet import UNet
from stemtree.separation import preview
from stemtree.separation.separator import Separator
from stemtree.separation.splitters import models, spleeter_weights
from stemtree.separation.splitters.spleeter_weights import example_song


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["stemtree", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return Outcome(int(code or 0), captured.out, captured.err)

    return run


return_memory = MemoryReturner()


@pytest.fixture(autouse=True)
def memory_is_returned() -> Iterator[None]:
    """Commands keep freed memory for later use; the suite as a whole must not hold the most that any test used."""
    yield
    return_memory()


@pytest.fixture(scope="session", autouse=True)
def networks_are_built_once() -> Iterator[None]:
    """Share Spleeter's two networks; unpickling them takes half of the time of separating a second."""
    build, networks = spleeter_weights.build_network, {}

    def build_once(tensors: spleeter_weights.Tensors) -> UNet:
        which = tensors["down1_conv.1.bias"].numpy().tobytes()
        if which not in networks:
            networks[which] = build(tensors)
        return networks[which]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spleeter_weights, "build_network", build_once)
        yield


@pytest.fixture(scope="session")
def song() -> Path:
    return example_song()


@pytest.fixture(scope="session")
def excerpt(song: Path) -> np.ndarray:
    """Three seconds of the real song: (2, 132300) float32."""
    return soundfile.read(song, start=44100, frames=132300, dtype="float32")[0].T


@pytest.fixture(scope="session")
def separator() -> Separator:
    return Separator()


@pytest.fixture
def wav(tmp_path: Path, excerpt: np.ndarray) -> Path:
    """A second of the real song as a 16-bit WAV."""
    path = tmp_path / "song.wav"
    soundfile.write(path, excerpt[:, :44100].T, 44100, "PCM_16")
    return path


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that is learned from in seconds."""
    return support_tones.make_corpus(tmp_path_factory.mktemp("tones"))


@pytest.fixture
def config(tones: Path, tmp_path: Path) -> Path:
    """A run of two short epochs on `tones`."""
    return support_tones.write_config(tmp_path / "run.yaml", tones)


@pytest.fixture
def shipped_query_model(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model for queries that comes along; in a checkout without it, a small one of its form in its place."""
    if has_model(preview.QUERY_MODEL):
        return preview.QUERY_MODEL
    folder = make_stand_in(tmp_path_factory.mktemp("query_model"))
    monkeypatch.setattr(preview, "QUERY_MODEL", folder)
    monkeypatch.setitem(models.SHIPPED, "queries", folder)
    return folder
