"""Commands that are stopped half-way."""

import signal
import subprocess
import sys
import time
from pathlib import Path


def stop_while_writing(words: tuple[object, ...], folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Send a command a signal once it writes stems somewhere in a folder; return its status and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from stemtree.cli import main; main()", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's "&" ignores it
    )
    deadline = time.monotonic() + 240
    while not list(folder.glob(".*.partial/**/*.wav")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=240)
    return process.returncode, err
