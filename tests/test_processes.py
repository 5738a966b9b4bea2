"""Ctrl-C as a terminal sends it, to every process of the group; and the end of the first process alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stemtree.errors import WorkerError
from stemtree.processes import allow_forks, map_in_processes

SCRIPT = """
import sys, time
from pathlib import Path
from stemtree.processes import Processes

def work(number):
    try:
        Path(f"began{number}").touch()
        time.sleep(120)
    finally:
        Path(f"cleared{number}").touch()

if __name__ == "__main__":
    try:
        with Processes(2) as pool:
            for _ in pool.map(work, range(9)):
                pass
    except KeyboardInterrupt:
        sys.exit("stopped")
"""


def test_workers_end_with_the_first_process(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, tmp_path / "script.py"], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("began*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) > 2  # two workers, and Python's own
    process.kill()
    process.wait()
    while any(map(_runs, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_runs, children))


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("at_work", [False, True])
def test_nobody_but_the_first_process_speaks(at_work: bool, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "script.py"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's "&" ignores it
    )
    deadline = time.monotonic() + 60

    def told() -> bool:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return bool(list(tmp_path.glob("began*"))) if at_work else bool(children.read_text().split()[2:])

    while not told() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err == "stopped\n"
    begun, cleared = (
        sorted(file.name[len(kind) :] for file in tmp_path.glob(f"{kind}*")) for kind in ("began", "cleared")
    )
    assert begun == cleared and len(begun) <= 2
    assert bool(begun) == at_work


MAPPED = """
import sys, time
from pathlib import Path
from stemtree.processes import map_in_processes, terminated_like_interrupted, was_terminated

def work(number):
    try:
        Path(f"began{number}").touch()
        time.sleep(120)
    finally:
        time.sleep(0.2)
        Path(f"cleared{number}").touch()

if __name__ == "__main__":
    try:
        with terminated_like_interrupted():
            list(map_in_processes(work, range(9), 2))
    except KeyboardInterrupt:
        sys.exit("terminated" if was_terminated() else "interrupted")
"""


@pytest.mark.parametrize(
    ("send", "number", "said"),
    [(os.kill, signal.SIGINT, "interrupted"), (os.killpg, signal.SIGTERM, "terminated")],
)
def test_busy_workers_clean_up_whoever_gets_the_signal_and_how_often(send, number: int, said: str, tmp_path: Path):
    (tmp_path / "script.py").write_text(MAPPED)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("began*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(2):
        send(process.pid, number)
        time.sleep(0.05)
    _, err = process.communicate(timeout=60)
    assert err == f"{said}\n"
    assert sorted(file.name for file in tmp_path.glob("cleared*")) == ["cleared0", "cleared1"]


def killed(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_the_system_ends_is_one_sentence() -> None:
    with pytest.raises(WorkerError, match="the system ended a worker process, probably for want of memory"):
        list(map_in_processes(killed, [0, 1, 2], 2))


FORK = """
import os, sys, torch
from stemtree.processes import allow_forks
if "allow" in sys.argv:
    allow_forks()
torch.rand(4, 256, 256) @ torch.rand(256, 256)
torch.rand(1 << 20).exp().sum()
if os.fork() == 0:
    torch.rand(1 << 20).exp().sum()
    os._exit(0)
sys.exit(os.wait()[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without forks")
def test_a_forked_process_computes() -> None:
    allow_forks()  # harmless where it was called before
    command = [sys.executable, "-W", "ignore", "-c", FORK, "allow"]
    assert subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "2"}, timeout=60).returncode == 0
