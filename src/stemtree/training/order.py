"""Which examples each epoch consists of, and their batches."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from stemtree.data.dataset import Examples, TrainingExample
from stemtree.errors import StemtreeError
from stemtree.training.kernels import start_reader
from stemtree.training.settings import TrainSettings


class ExampleOrder(Sampler[int]):
    """The numbers of the examples of each epoch: a permutation of all distinct ones, then another, and so on.

    The order depends only on the seed and the epoch, so that a run that was stopped continues as if it had not been.

    Parameters
    ----------
    settings : TrainSettings
        Number of distinct examples and of examples in an epoch; seed.
    rank, world_size : int
        Number of this process, and of all that train together. Each gets an equal part of every epoch, since they wait
        for each other at every step.
    """

    def __init__(self, settings: TrainSettings, rank: int = 0, world_size: int = 1) -> None:
        self._distinct, self._epoch_size, self._seed = settings.num_distinct, settings.epoch, settings.seed
        self._rank, self._world_size = rank, world_size
        self._epoch = 0

    def set_epoch(self, number: int) -> None:
        """Set the number of the next epoch; Lightning does."""
        self._epoch = number

    def __len__(self) -> int:
        return self._epoch_size // self._world_size

    def __iter__(self) -> Iterator[int]:
        first = self._epoch * self._epoch_size
        for position in range(first + self._rank, first + len(self) * self._world_size, self._world_size):
            if self._distinct is None:
                yield position
            else:
                turn, index = divmod(position, self._distinct)
                yield int(_permutation(self._distinct, self._seed, turn)[index])


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, turn: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(count)


class Batches(DataLoader[Any]):
    """Loads examples in batches; an error of a process that reads them is raised here as it was there."""

    def __init__(self, examples: Examples, **options: Any) -> None:
        super().__init__(_Guarded(examples), collate_fn=_collate, **options)
        self._readers: list[BaseProcess] = []

    @property
    def lost_reader(self) -> bool:
        """Whether the system ended a process that read examples; Lightning itself ends them by SIGTERM."""
        return any(reader.exitcode not in (None, 0, -signal.SIGTERM) for reader in self._readers)

    def __iter__(self) -> Any:
        for batch in super().__iter__():
            if isinstance(batch, _Failure):
                raise batch.error
            yield batch

    def _get_iterator(self) -> Any:
        iterator = super()._get_iterator()
        self._readers = list(getattr(iterator, "_workers", ()))
        return iterator


@dataclass(frozen=True)
class _Failure:
    """What stands for an example that cannot be read."""

    error: Exception


class _Guarded(Dataset[TrainingExample | _Failure]):
    """A dataset in which errors are examples: those raised in another process would carry its whole traceback."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, number: int) -> TrainingExample | _Failure:
        try:
            return self._examples[number]
        except (StemtreeError, MemoryError) as error:
            return _Failure(error)


def _collate(examples: list[TrainingExample | _Failure]) -> Any:
    failures = [example for example in examples if isinstance(example, _Failure)]
    return failures[0] if failures else default_collate(examples)


def make_loader(examples: Examples, settings: TrainSettings, order: ExampleOrder | range) -> Batches:
    """Load examples in batches.

    Parameters
    ----------
    examples : Examples
        The dataset.
    settings : TrainSettings
        Size of a batch, number of reading processes.
    order : ExampleOrder or range
        Numbers of the examples. Those of an `ExampleOrder` that do not fill a batch are left out.
    """
    return Batches(
        examples,
        batch_size=settings.batch,
        sampler=order,
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        worker_init_fn=start_reader,
        drop_last=isinstance(order, ExampleOrder),
    )
