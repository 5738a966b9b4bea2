import errno
import gc
import subprocess
import sys
from pathlib import Path

import pytest

from stemtree import memory
from stemtree.memory import check_room_for_torch, is_out_of_memory, no_collection

PROGRAM = """
import resource, sys
from stemtree.memory import keep_freed_memory
if "keep" in sys.argv and not keep_freed_memory():
    sys.exit("no glibc")
import torch
torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_freed_memory_is_used_again() -> None:
    """Ten tensors of 40 MB after a first of that size: a page fault for each page, or for hardly any."""

    def faults(*arguments: str) -> int:
        return int(subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, check=True).stdout)

    # By far, even where the system maps large pages; but a busy system may have taken the memory away meanwhile.
    assert any(4 * faults("keep") < faults() for _ in range(3))


def test_nothing_is_collected_while_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = gc.get_freeze_count()
    with no_collection():  # it is there already
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    monkeypatch.delitem(sys.modules, "torch")
    try:
        with no_collection():
            assert not gc.isenabled()
        assert gc.isenabled() and gc.get_freeze_count() > frozen
        gc.disable()
        with pytest.raises(ImportError), no_collection():
            raise ImportError
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory_are_told(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_there_is_room_for_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    check_room_for_torch()
    monkeypatch.setattr("stemtree.memory._TORCH", 1 << 62)
    with pytest.raises(MemoryError):
        check_room_for_torch()


def test_available_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CONTAINER", str(tmp_path))
    free = memory.available_memory()
    assert free > 1 << 20
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.available_memory() > 1 << 20
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.available_memory() == 4000
    (tmp_path / "memory.stat").write_text("anon 200\ninactive_file 700\nactive_file 100\n")  # read files count as used
    assert memory.available_memory() == 4700
    (tmp_path / "memory.stat").write_text("anon 200\n")
    assert memory.available_memory() == 4000
    assert memory._guess_memory() > 1 << 20
