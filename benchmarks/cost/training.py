"""What steps of ``stemtree train`` cost: ``python benchmarks/cost/training.py RUN CONFIG... [KEY=VALUE]...``.

Prints for every step its wall and CPU seconds and how long it waited for its batch, and at the end the shares and the
greatest memory of the process and of a reader of its. The first step is left out: it waits for the readers to start.
RUN is a new folder. Threads are as many as OMP_NUM_THREADS says.
"""

import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback

from stemtree.training import run
from stemtree.training.configuration import read_settings


class Watch(Callback):
    """Reads the clocks where a batch comes and where it has been learned from."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, float, float]] = []
        self._asked = time.perf_counter()

    def on_train_epoch_start(self, *_: Any) -> None:
        """The time of validation is no waiting."""
        self._asked = time.perf_counter()

    def on_train_batch_start(self, *_: Any) -> None:
        """A batch is there."""
        self._began, self._spent = time.perf_counter(), time.process_time()

    def on_train_batch_end(self, *_: Any) -> None:
        """It has been learned from."""
        ended = time.perf_counter()
        self.steps.append((ended - self._began, time.process_time() - self._spent, self._began - self._asked))
        wall, cpu, waited = self.steps[-1]
        print(f"step: {wall:.2f} s, {cpu:.2f} CPU s, waited {waited:.3f} s; peak {peak()} MB", flush=True)
        self._asked = time.perf_counter()


def peak(whose: int = resource.RUSAGE_SELF) -> int:
    return resource.getrusage(whose).ru_maxrss >> 10


def main() -> None:
    folder, *arguments = sys.argv[1:]
    settings = read_settings(
        [Path(name) for name in arguments if "=" not in name], [name for name in arguments if "=" in name]
    )
    watch, make = Watch(), run.make_trainer

    def watched(*of_trainer: Any) -> Any:
        trainer = make(*of_trainer)
        trainer.callbacks.append(watch)
        return trainer

    run.make_trainer = watched
    run.train(settings, Path(folder))
    wall, cpu, waited = (list(column) for column in zip(*watch.steps[1:], strict=True))
    share = 100 * sum(waited) / (sum(wall) + sum(waited))
    print(f"{len(wall)} steps: median {statistics.median(wall):.2f} s, {statistics.median(cpu):.2f} CPU s")
    print(f"waiting for data: {share:.1f} % of the time; the longest {max(waited):.2f} s")
    print(f"peak {peak()} MB, a reader {peak(resource.RUSAGE_CHILDREN)} MB")


if __name__ == "__main__":
    main()
