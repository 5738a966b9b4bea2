"""A device that is none: tensors on it compute on the CPU, but mix with no tensor of the CPU, and copies are counted.

It goes by the name of torch's ``meta``, whose own tensors hold no values and which nothing here uses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

STUB = torch.device("meta")
_SCALAR = torch.ops.aten._local_scalar_dense.default


class StubTensor(torch.Tensor):
    """A tensor that says it is on the device; `held` has its values."""

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "StubTensor":
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=STUB
        )

    def __init__(self, held: torch.Tensor) -> None:
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("a tensor of the device is used outside of its context")


@dataclass
class Counts:
    """What went over the link: shapes of tensors to the device and from it, and single numbers that were read."""

    sent: list[torch.Size] = field(default_factory=list)
    fetched: list[torch.Size] = field(default_factory=list)
    numbers: int = 0


class _Device(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._has_compatible_shallow_copy_type.default:
            return False  # of parameters that move
        kwargs = dict(kwargs or {})
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
        stubs = [value for value in tensors if isinstance(value, StubTensor)]
        target = next((value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.device)), None)
        there = target == STUB if target is not None else bool(stubs)
        args, kwargs = tree_map(lambda value: torch.device("cpu") if value == STUB else value, (args, kwargs))
        if func is _SCALAR:
            self.counts.numbers += bool(stubs)
            there = False
        if func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.to) and target is not None:
            if target == STUB and not stubs:
                self.counts.sent.append(tensors[0].shape)
            if target != STUB and stubs:
                self.counts.fetched.append(tensors[0].shape)
        elif stubs and any(tensor.dim() for tensor in tensors if not isinstance(tensor, StubTensor)):
            shapes = [tuple(tensor.shape) for tensor in tensors]
            raise RuntimeError(f"{func} gets tensors of the CPU and of the device: {shapes}")
        if not there:
            return func(*tree_map(_held, args), **tree_map(_held, kwargs))
        by_values = {id(stub.held): stub for stub in stubs}
        with torch.inference_mode(False), torch.no_grad():  # views of other tensors cannot be made in inference mode
            result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
            return tree_map(lambda value: by_values[id(value)] if id(value) in by_values else _stub(value), result)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, StubTensor) else value


def _stub(value: Any) -> Any:
    return StubTensor(value) if isinstance(value, torch.Tensor) else value


def _stft(stft: Any, audio: torch.Tensor, *args: Any, window: torch.Tensor, **options: Any) -> torch.Tensor:
    """Torch's own swaps axes in place, which a tensor that is held by another cannot."""
    if isinstance(audio, StubTensor) != isinstance(window, StubTensor):
        raise RuntimeError("audio and window are on two devices")
    with torch.inference_mode(False):
        spectrogram = stft(_held(audio), *args, window=_held(window), **options)
        return _stub(spectrogram) if isinstance(audio, StubTensor) else spectrogram


@contextmanager
def stub_device() -> Iterator[Counts]:
    """The device is there, and counts."""
    with _Device() as device, mock.patch.object(torch, "stft", partial(_stft, torch.stft)):
        yield device.counts
