import subprocess
import sys

import pytest

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

    assert 4 * faults("keep") < faults()  # by far, even where the system maps large pages
