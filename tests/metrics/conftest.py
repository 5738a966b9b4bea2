"""Signals to measure on: noise, and stretches of the real song as node, everything else and a masked estimate."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="session")
def museval() -> ModuleType:
    """Its metrics alone: the package imports stempeg, which wants a program."""
    package = importlib.util.find_spec("museval")
    assert package is not None and package.submodule_search_locations
    file = f"{package.submodule_search_locations[0]}/metrics.py"
    spec = importlib.util.spec_from_file_location("museval_metrics", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["noise", "noise in stereo", "song", "song in stereo"])
def signals(request: pytest.FixtureRequest, excerpt: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate, reference and everything else, ``(channel, sample)`` float32."""
    channels = 2 if request.param.endswith("stereo") else 1
    if request.param.startswith("noise"):
        random = np.random.default_rng(0)
        reference, other, artefacts = random.standard_normal((3, channels, 10000)).astype(np.float32) / 10
        return (0.8 * reference + 0.1 * other + 0.02 * artefacts), reference, other
    reference, other = excerpt[:channels, :22050], excerpt[:channels, 66150:88200]
    masked = np.fft.rfft(reference + other)
    masked *= abs(np.fft.rfft(reference)) / (abs(np.fft.rfft(reference)) + abs(np.fft.rfft(other)) + 1e-9)
    return np.fft.irfft(masked, n=22050).astype(np.float32), reference, other
