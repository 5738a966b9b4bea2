"""Devices by their names, on a machine that may have none but the CPU."""

import numpy as np
import pytest
import torch
from support.stub_device import STUB, stub_device

from stemtree.devices import (
    Link,
    blocks_at_once,
    computes_bfloat16,
    find_device,
    full_precision,
    lacks_memory,
    may_be_gpu,
)
from stemtree.errors import DeviceError, OptionError, StemtreeError

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", "meta", "cuda:-1", "cuda:1234"])
def test_names_that_no_device_has(name: str) -> None:
    with pytest.raises(OptionError, match=f"there is no device '{name}': give auto, cpu"):
        find_device(name)


def test_the_cpu_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_device("cpu") == CPU and blocks_at_once(CPU) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == find_device() == CPU
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(DeviceError, match=f"there is no device '{name}', torch finds no GPU .*: give auto or cpu"):
            find_device(name)


def test_auto_takes_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or says that it does not work; here the build of torch has none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    asked = []

    def empty(size: int, device: str) -> torch.Tensor:
        asked.append(device)
        raise RuntimeError("the driver is too old\nand more.")

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(DeviceError) as caught:
        find_device("auto")
    assert str(caught.value) == "the device 'cuda' does not work (the driver is too old): give --device cpu"
    assert asked == ["cuda"]
    with pytest.raises(DeviceError, match="there is no device 'cuda:2': torch finds cuda:0, cuda:1"):
        find_device("cuda:2")


def test_blocks_at_once_follow_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for gigabytes, blocks in ((1, 1), (5, 2), (139, 4)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=gigabytes << 30: (free, 140 << 30))
        assert blocks_at_once(torch.device("cuda:0")) == blocks


def test_memory_errors_of_devices() -> None:
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))
    assert lacks_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert not lacks_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not lacks_memory(StemtreeError("out of memory"))


def test_tf32_is_off_while_computing_on_cuda() -> None:
    state = (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision())
    with full_precision(torch.device("cuda:0")):
        assert not torch.backends.cudnn.allow_tf32 and torch.get_float32_matmul_precision() == "highest"
    with full_precision(CPU):
        assert torch.backends.cudnn.allow_tf32 == state[0]
    assert (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()) == state


def test_a_link_copies_once_each_way() -> None:
    audio = torch.arange(6.0).view(2, 3)
    assert Link(CPU).send(audio) is audio and Link(CPU).fetch(audio)() is audio
    with stub_device() as counts:
        link = Link(STUB)
        there = link.send(audio)
        assert there.device == STUB
        with pytest.raises(RuntimeError, match="of the CPU and of the device"):
            there + audio
        wait = link.fetch(there * 2)
        np.testing.assert_array_equal(wait().numpy(), 2 * audio.numpy())
    assert (counts.sent, counts.fetched, counts.numbers) == ([audio.shape], [audio.shape], 0)


def test_a_gpu_is_suspected_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not may_be_gpu("cpu") and may_be_gpu("cuda:1") and may_be_gpu("mps")
    monkeypatch.setattr("os.path.exists", lambda path: path == "/dev/nvidiactl")
    assert may_be_gpu("auto")
    monkeypatch.setattr("os.path.exists", lambda path: False)
    monkeypatch.setattr("sys.platform", "linux")
    assert not may_be_gpu("auto")


@pytest.mark.parametrize(
    ("capabilities", "able"),
    [
        ({"avx2": True, "avx512_bf16": False, "l2_cache_size": 1}, False),
        ({"avx512_bw": True}, True),
        ({"amx_bf16": True}, True),
        ({"architecture": "aarch64", "bf16": True}, True),
    ],
)
def test_which_processors_compute_bfloat16(
    capabilities: dict[str, object], able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert computes_bfloat16(torch.device("cpu")) is able
    assert computes_bfloat16(torch.device("cuda"))
