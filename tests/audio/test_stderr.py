import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stemtree.audio.stderr import silence_stderr


def test_threads_that_silence_stderr_at_once_leave_stderr_as_it_was() -> None:
    before = os.readlink("/proc/self/fd/2")
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def second() -> None:
        first_is_in.wait(5)
        with silence_stderr():
            second_is_in.set()
            first_is_out.wait(5)

    thread = threading.Thread(target=second)
    thread.start()
    with silence_stderr():
        first_is_in.set()
        second_is_in.wait(5)
    try:
        assert os.readlink("/proc/self/fd/2") == "/dev/null"  # the second is still in
    finally:
        first_is_out.set()
        thread.join()
    assert os.readlink("/proc/self/fd/2") == before


@pytest.mark.parametrize("how", ["os.close(2)", "os.close(2); sys.stderr = sys.__stderr__ = None"])
def test_a_process_without_stderr_reads_songs(how: str, wav: Path) -> None:
    program = (
        f"import os, sys; {how}\nfrom stemtree.audio import open_source\n"
        f"count = sum(block.shape[1] for block in open_source({str(wav)!r}).blocks(1000))\n"
        "print(count, os.readlink('/proc/self/fd/2'))"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert outcome.stdout.split() == ["44100", "/dev/null"], outcome
