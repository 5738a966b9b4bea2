"""Devices that tensors are computed on: finding one, copies to and from it, and its memory."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stemtree.errors import DeviceError, OptionError
from stemtree.memory import is_out_of_memory

if TYPE_CHECKING:
    import torch

AUTO = "auto"
_KINDS = "auto, cpu, cuda, cuda:N or mps"

_BLOCK_BYTES = 1 << 30
"""Allowed for a block of 12 s on a device, with all masks and stems of the whole tree; not measured on a GPU."""

_MOST_BLOCKS = 4
"""Two times as many are in this program's memory, 100 MB each for a whole tree."""


def check_name(name: str) -> None:
    """Raise OptionError unless a name is one that a device could have; this needs no torch."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|mps", name):
        raise OptionError(f"there is no device '{name}': give {_KINDS}")


def may_be_gpu(name: str) -> bool:
    """Whether a name may be that of a GPU here, as far as can be told without torch; it needs no torch."""
    if name != AUTO:
        return name != "cpu"
    return sys.platform == "darwin" or any(map(os.path.exists, ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")))


def find_device(name: str | torch.device = AUTO) -> torch.device:
    """Find a device of this machine by its name.

    Parameters
    ----------
    name : str or torch.device
        ``auto`` is a GPU where torch has one, else the CPU; ``cuda`` the current CUDA device, ``cuda:N`` that of a
        number; ``mps`` the GPU of a Mac. A `torch.device` is taken as it is.

    Returns
    -------
    torch.device
        With the number that its tensors have.

    Raises
    ------
    OptionError
        If no device can have this name.
    DeviceError
        If this machine has no such device, or if it does not work.
    """
    import torch

    if isinstance(name, torch.device):
        return name
    name = AUTO if name is None else str(name)
    check_name(name)
    if name == AUTO:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            raise DeviceError(f"there is no device '{name}', torch finds no GPU with CUDA: give auto or cpu")
        if number and int(number) >= count:
            known = ", ".join(f"cuda:{index}" for index in range(count))
            raise DeviceError(f"there is no device '{name}': torch finds {known}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("there is no device 'mps', torch finds no GPU of a Mac: give auto or cpu")
    try:
        return torch.empty(0, device=name).device
    except RuntimeError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DeviceError(f"the device '{name}' does not work ({reason}): give --device cpu") from None


def describe(device: torch.device) -> str:
    """A device in words, such as ``cuda:0 (NVIDIA H200)``."""
    if device.type == "cuda":
        import torch

        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def blocks_at_once(device: torch.device) -> int:
    """How many blocks of a song go to a device at once: one on the CPU, and elsewhere what half its memory holds."""
    import torch

    match device.type:
        case "cuda":
            free = torch.cuda.mem_get_info(device)[0]
        case "mps":
            free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        case _:
            return 1
    return max(1, min(_MOST_BLOCKS, free // (2 * _BLOCK_BYTES)))


def lacks_memory(error: BaseException) -> bool:
    """Whether an error means that a device, or the system, gave no more memory."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error)


def free_cached_memory(device: torch.device) -> None:
    """Give back what torch keeps of a device's memory for later."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16; processors that cannot imitate it, many times slower than float32."""
    import torch

    if device.type != "cpu":
        return True
    # Behind avx512_bw oneDNN computes it by float32, as fast; an Arm processor's own is called bf16 or arm_bf16.
    able = (name for name, has in torch.cpu.get_capabilities().items() if has is True)
    return any(name == "avx512_bw" or name.endswith("bf16") for name in able)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in float32 throughout. CUDA's default of TF32 for convolutions would move stems by -60 dB."""
    import torch

    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _cuda_stream(device: torch.device) -> torch.cuda.Stream:
    import torch

    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class Link:
    """Copies between this program's memory and a device's, which on CUDA go on while both compute.

    Parameters
    ----------
    device : torch.device
        The device. On the CPU nothing is copied.
    """

    def __init__(self, device: torch.device) -> None:

        self.device = device
        self._stream = _cuda_stream(device) if device.type == "cuda" else None

    def send(self, tensor: torch.Tensor) -> torch.Tensor:
        """Copy a tensor of the CPU to the device."""
        if self._stream is None:
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def fetch(self, tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Begin to copy a tensor of the device to the CPU; call what is returned to wait for it."""
        import torch

        if self._stream is None:
            return lambda: tensor.cpu()
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            copy.copy_(tensor, non_blocking=True)
        tensor.record_stream(self._stream)
        done = self._stream.record_event()

        def wait() -> torch.Tensor:
            done.synchronize()
            return copy

        return wait
