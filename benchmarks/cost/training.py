"""Measure the cost of the steps of ``stemtree train``.

    python benchmarks/cost/training.py RUN CONFIG... [KEY=VALUE]...

Prints the wall and CPU seconds of every step and how long it waited for its batch; at the end medians, the share of
time spent waiting, and the peak memory of the process and of a data loader worker. The summary leaves out the first
step, which waits for the workers to start. RUN is a new folder. OMP_NUM_THREADS sets the number of threads.
"""

import argparse
import resource
import statistics
import time
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback

from stemtree.training import run
from stemtree.training.configuration import read_settings


class StepTimes(Callback):
    """Records wall seconds, CPU seconds and waiting time of every step."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, float, float, float]] = []
        self._waiting_since, self._cpu_since = time.perf_counter(), time.process_time()

    def on_train_epoch_start(self, *_: Any) -> None:
        """Do not count the time of validation as waiting."""
        self._waiting_since, self._cpu_since = time.perf_counter(), time.process_time()

    def on_train_batch_start(self, *_: Any) -> None:
        """Start the clocks: the batch has arrived."""
        self._start, self._cpu_start = time.perf_counter(), time.process_time()

    def on_train_batch_end(self, *_: Any) -> None:
        """Record and print the step."""
        end, cpu_end = time.perf_counter(), time.process_time()
        waited, read = self._start - self._waiting_since, self._cpu_start - self._cpu_since
        self.steps.append((end - self._start, cpu_end - self._cpu_start, waited, read))
        wall, cpu, waited, _ = self.steps[-1]
        print(f"step: {wall:.2f} s, {cpu:.2f} CPU s, waited {waited:.3f} s; peak {peak()} MB", flush=True)
        self._waiting_since, self._cpu_since = time.perf_counter(), time.process_time()


def peak(whose: int = resource.RUSAGE_SELF) -> int:
    """Peak memory in MB."""
    return resource.getrusage(whose).ru_maxrss >> 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("configs", nargs="+", metavar="CONFIG or KEY=VALUE")
    options = parser.parse_args()
    files = [argument for argument in options.configs if "=" not in argument]
    settings = read_settings(files, [argument for argument in options.configs if "=" in argument])
    times, make_trainer = StepTimes(), run.make_trainer

    def with_times(*arguments: Any) -> Any:
        trainer = make_trainer(*arguments)
        trainer.callbacks.append(times)
        return trainer

    run.make_trainer = with_times
    run.train(settings, options.run)
    wall, cpu, waited, read = (list(column) for column in zip(*times.steps[1:], strict=True))
    share = 100 * sum(waited) / (sum(wall) + sum(waited))
    print(f"{len(wall)} steps: median {statistics.median(wall):.2f} s, {statistics.median(cpu):.2f} CPU s")
    print(f"waiting for data: {share:.1f} % of the time; the longest {max(waited):.2f} s")
    reading = 100 * sum(read) / (sum(cpu) + sum(read))
    print(
        f"reading in this process (workers=0): {reading:.1f} % of its CPU time, {statistics.median(read):.3f} s a step"
    )
    print(f"peak {peak()} MB, a reader {peak(resource.RUSAGE_CHILDREN)} MB")


if __name__ == "__main__":
    main()
