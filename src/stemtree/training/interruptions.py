"""What ends a run from outside, as errors in the user's words."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.exceptions import SIGTERMException
from safetensors import SafetensorError

from stemtree.errors import OptionError, TrainingError
from stemtree.training.order import Batches

_GO_ON = "run again to go on from the last checkpoint"
_LESS_MEMORY = f"lower 'workers' and {_GO_ON}, or begin anew in another folder with a smaller 'batch'"

_SYSTEM_ERRORS = (MemoryError, OSError, EOFError, SafetensorError, RuntimeError)
"""What short memory, a full disk and the end of a process raise, wherever the run is at that moment."""


@contextmanager
def explained(trainer: pl.Trainer, loaders: Sequence[Batches]) -> Iterator[None]:
    """Run a part of training; errors of the system and of libraries become sentences.

    Parameters
    ----------
    trainer : pytorch_lightning.Trainer
        Of the run.
    loaders : sequence of Batches
        Whose processes the system may end.

    Raises
    ------
    KeyboardInterrupt
        If the user stopped it.
    OptionError
        If Lightning finds only now that it cannot do what ``settings.trainer`` says.
    TrainingError
        If the system ended a process, the disk is full, or memory is short.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        with _quiet_threads():
            yield
    except SIGTERMException:
        raise TrainingError(f"the system asked the run to end (SIGTERM): {_GO_ON}") from None
    except SystemExit:  # how Lightning answers Ctrl-C
        if not trainer.interrupted:
            raise
    except MisconfigurationException as error:
        raise OptionError(f"Lightning's trainer cannot run so ({error}): change the settings under 'trainer'") from None
    except (*_SYSTEM_ERRORS, ValueError) as error:
        cause = _unwrapped(error)
        if isinstance(cause, ValueError) and "val_check_interval" in str(cause):
            raise OptionError(f"Lightning's trainer cannot run so ({cause}): change it under 'trainer'") from None
        if isinstance(cause, MemoryError | torch.OutOfMemoryError):
            raise TrainingError(f"memory is short: {_LESS_MEMORY}") from None
        if isinstance(cause, ConnectionError | EOFError) or any(loader.lost_reader for loader in loaders):
            raise TrainingError(
                f"the system ended a process that reads examples, probably for want of memory: {_LESS_MEMORY}"
            ) from None
        if not isinstance(cause, OSError | SafetensorError):
            raise
        raise TrainingError(f"{_cannot_write(cause)}: make room, and {_GO_ON}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)  # after Ctrl-C Lightning leaves it ignored
    if trainer.interrupted:
        raise KeyboardInterrupt


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Let no thread print that it cannot write, as TensorBoard's does before its error is raised here."""
    hook = threading.excepthook

    def print_others(failed: threading.ExceptHookArgs) -> None:
        if not isinstance(failed.exc_value, OSError):
            hook(failed)

    threading.excepthook = print_others
    try:
        yield
    finally:
        threading.excepthook = hook


def _unwrapped(error: Exception) -> BaseException:
    """What Lightning's logger raises as a ValueError on values to log, whatever it was."""
    cause = error.__cause__
    return cause if isinstance(error, ValueError) and isinstance(cause, _SYSTEM_ERRORS) else error


def _cannot_write(error: Any) -> str:
    file = f" to '{error.filename}'" if getattr(error, "filename", None) else " to the run's folder"
    return f"cannot write{file} ({getattr(error, 'strerror', None) or error})"
