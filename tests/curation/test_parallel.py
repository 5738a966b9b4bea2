import os
import signal

import pytest

from stemtree.curation.parallel import in_processes
from stemtree.errors import CorpusError


def killed(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_the_system_ends_is_one_sentence() -> None:
    with pytest.raises(CorpusError, match="the system ended a process, probably for want of memory"):
        list(in_processes(killed, [0, 1, 2], 2))
