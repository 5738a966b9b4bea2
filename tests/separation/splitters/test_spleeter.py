import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.audio import si_sdr
from torch.nn import functional

from stemtree.errors import SplitterError
from stemtree.hierarchy import MIXTURE, load
from stemtree.hierarchy.load import parse
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.spleeter_weights import CHECKPOINTS, checkpoint_folder


def _slow_twin(samples: np.ndarray) -> list[np.ndarray]:
    """Spleeter's published path, step by step over the whole song, with the mean mask above 1024 bins."""
    audio, window = torch.from_numpy(samples), torch.hann_window(4096)
    spectrogram = torch.stft(audio, 4096, 1024, window=window, pad_mode="constant", return_complex=True)
    frames = spectrogram.shape[-1]
    magnitude = functional.pad(spectrogram[:, :1024].abs(), (0, math.ceil(frames / 512) * 512 - frames))
    segments = magnitude.mT.unflatten(1, (-1, 512)).transpose(0, 1)
    with torch.inference_mode():
        vocals, rest = (network(segments.contiguous()) * segments for network in Spleeter()._networks)
        powers = [(stem**2 + 0.5e-10) / (vocals**2 + rest**2 + 1e-10) for stem in (vocals, rest)]
    stems = []
    for power in powers:
        low = power.transpose(0, 1).flatten(1, 2)[:, :frames].mT
        mask = torch.cat([low, low.mean(dim=1, keepdim=True).expand(-1, 1025, -1)], dim=1)
        stems.append(torch.istft(spectrogram * mask, 4096, 1024, window=window, length=samples.shape[1]).numpy())
    return stems


def test_equals_spleeters_own_path(separator: Separator, excerpt: np.ndarray) -> None:
    song = np.tile(excerpt, 5)  # more than one segment of 512 frames
    result = separator.separate(song, 44100)
    for name, expected in zip(("vocal", "accompaniment"), _slow_twin(song), strict=True):
        assert si_sdr(result[name].audio, expected) > 80


def test_other_rates_separate_alike(separator: Separator, excerpt: np.ndarray) -> None:
    """Half the rate without resampling, against the full rate: the same vocals below 11 kHz."""
    spectrum = np.fft.rfft(excerpt)[:, : excerpt.shape[1] // 4 + 1]
    halved = np.fft.irfft(spectrum, n=excerpt.shape[1] // 2) / 2
    full, half = (
        separator.separate(*song)["vocal"].audio for song in ((excerpt, 44100), (halved.astype(np.float32), 22050))
    )
    low = np.fft.irfft(np.fft.rfft(full)[:, : full.shape[1] // 4 + 1], n=half.shape[1]) / 2
    assert si_sdr(half, low) > 25


def test_mono_is_two_equal_channels(separator: Separator, excerpt: np.ndarray) -> None:
    mono = separator.separate(excerpt[0], 44100)["vocal"].audio
    stereo = separator.separate(np.stack([excerpt[0], excerpt[0]]), 44100)["vocal"].audio
    assert mono.shape == (1, excerpt.shape[1])
    assert si_sdr(mono, stereo.mean(axis=0)) > 80


@pytest.mark.parametrize(("name", "served"), [("ms21", True), ("musdb18", True), ("slakh", False), ("moisesdb", False)])
def test_serves_vocals_and_accompaniment_only(name: str, served: bool) -> None:
    hierarchy = load(name)
    assert Spleeter().outputs(hierarchy, MIXTURE) == (hierarchy.children() if served else ())
    assert all(Spleeter().outputs(hierarchy, path) == () for path in hierarchy.paths)


def test_an_only_child_of_the_mixture_is_the_mixture() -> None:
    tree = parse("tree: {all: {vocals: , accompaniment: }}", "nested")
    assert Separator(tree).plan.steps[1].outputs == (("all/vocals",), ("all/accompaniment",))


def test_tampered_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(checkpoint_folder(), tmp_path, dirs_exist_ok=True)
    file = tmp_path / tuple(CHECKPOINTS)[1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(SplitterError, match=rf"'{file}' are not the published ones .*: reinstall it with"):
        Separator(splitters=[Spleeter(tmp_path)])
    file.unlink()
    with pytest.raises(SplitterError, match=r"cannot read the weights .*No such file"):
        Separator(splitters=[Spleeter(tmp_path)])
