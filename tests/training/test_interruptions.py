"""What ends a run from outside, in processes of their own."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from stemtree.errors import AudioError
from stemtree.training.configuration import read_settings
from stemtree.training.interruptions import explained
from stemtree.training.order import ExampleOrder, make_loader
from stemtree.training.run import train

MAIN = "from stemtree.cli import main\nmain()\n"
ENDLESS = ("--set", "epoch=100000", "--set", "distinct=null")


def start(config: Path, run: Path, *options: str, prepare: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    script = config.with_name("stemtree")
    script.write_text(MAIN)
    command = [sys.executable, script, "train", config, "-o", run, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=prepare)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)


def training(run: Path) -> bool:
    return any((run / "events").glob("events*")) if (run / "events").is_dir() else False


def children(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in path.read_text().split()]


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (signal.SIGINT, 130, "stopped; run again with -o {run} to go on from the last checkpoint"),
        (signal.SIGTERM, 1, "the system asked the run to end (SIGTERM): run again to go on from the last checkpoint"),
    ],
)
def test_signals(sent: int, code: int, message: str, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(config, run, *ENDLESS)
    wait_until(lambda: training(run))
    time.sleep(1)  # within the first epoch
    process.send_signal(sent)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, f"stemtree: {message.format(run=run)}\n")


def test_a_reader_that_the_system_ends(config: Path, tmp_path: Path) -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("needs /proc")
    run = tmp_path / "run"
    process = start(config, run, *ENDLESS, "--set", "workers=1")
    wait_until(lambda: training(run) and children(process))
    os.kill(children(process)[0], signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output == (
        "stemtree: the system ended a process that reads examples, probably for want of memory: lower 'workers' and "
        "run again to go on from the last checkpoint, or begin anew in another folder with a smaller 'batch'\n"
    )


def test_a_disk_that_is_full(config: Path, tmp_path: Path) -> None:
    """No file may grow beyond what one checkpoint takes, then beyond less; the earlier checkpoint stays."""
    run = tmp_path / "run"
    train(read_settings([config], ["trainer.max_epochs=1"]), run)
    last = run / "checkpoints" / "last.ckpt"
    whole, size = last.read_bytes(), last.stat().st_size
    limit = size // 2
    prepare: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
    process = start(config, run, prepare=prepare)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and output.startswith("stemtree: cannot write the checkpoint") and output[-1] == "\n"
    assert output.count("\n") == 1 and "make room, and run again to go on from the last one" in output
    assert last.read_bytes() == whole and not list(last.parent.glob(".*"))
    assert train(read_settings([config]), run).card.training["steps"] == 4


def test_a_last_checkpoint_that_is_damaged(config: Path, tmp_path: Path) -> None:
    from stemtree.training.monitor import Monitor

    run, reports = tmp_path / "run", []
    train(read_settings([config], ["trainer.max_epochs=1"]), run)
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    model = train(read_settings([config]), run, monitor=Monitor(reports.append))
    assert reports == [f"the checkpoint '{last}' is not whole: going on from '{last.with_name('best.ckpt')}', step 2"]
    assert model.card.training["steps"] == 4


@pytest.mark.parametrize("workers", [0, 1])
def test_an_example_that_cannot_be_read(workers: int, config: Path, tones: Path, tmp_path: Path) -> None:
    """The error is raised as it is, with no traceback of a process in its text."""

    class Broken:
        def __len__(self) -> int:
            return 8

        def __getitem__(self, number: int) -> object:
            raise AudioError("'a.wav' is cut off: get a whole copy")

    settings = read_settings([config], [f"workers={workers}"])
    with pytest.raises(AudioError, match=r"^'a\.wav' is cut off: get a whole copy$"):
        next(iter(make_loader(Broken(), settings, ExampleOrder(settings))))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "memory is short: lower 'workers' and run again"),
        (OSError(28, "No space left on device"), r"cannot write to the run's folder \(No space left on device\)"),
        (OSError(28, "No space left on device", "a.ckpt"), r"cannot write to 'a\.ckpt' \(No space left on device\)"),
        (ConnectionResetError(104, "Connection reset by peer"), "ended a process that reads examples"),
        (EOFError(), "ended a process that reads examples"),
    ],
)
def test_errors_of_libraries(error: Exception, message: str) -> None:
    from lightning_fabric.utilities.exceptions import MisconfigurationException
    from pytorch_lightning import Trainer

    from stemtree.errors import OptionError, TrainingError

    logged = ValueError("you tried to log 0.1")  # what Lightning's logger makes of any error
    logged.__cause__ = error
    for raised in (error, logged):
        with (
            pytest.raises(TrainingError, match=message),
            explained(Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), ()),
        ):
            raise raised
    with (
        pytest.raises(OptionError, match=r"cannot run so \(theirs\): change the settings under 'trainer'"),
        explained(Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), ()),
    ):
        raise MisconfigurationException("theirs")
    with (
        pytest.raises(RuntimeError, match="ours"),
        explained(Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), ()),
    ):
        raise RuntimeError("ours")


@pytest.mark.parametrize("logged", [False, True])
def test_a_reader_may_end_while_anything_is_done(logged: bool) -> None:
    """PyTorch raises it wherever the run is when the system tells of it."""
    from pytorch_lightning import Trainer

    from stemtree.errors import TrainingError

    raised, loader = RuntimeError("DataLoader worker is killed by signal"), SimpleNamespace(lost_reader=True)
    with (
        pytest.raises(TrainingError, match="the system ended a process that reads examples"),
        explained(Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), (loader,)),
    ):
        if logged:
            raise ValueError("you tried to log 0.1") from raised
        raise raised
