"""Everything that a run of training is told, from YAML files and the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from stemtree.data.augmentation import Augmentation
from stemtree.data.salience import Chunking
from stemtree.data.sampling import SamplingRules
from stemtree.errors import OptionError, one_sentence
from stemtree.hierarchy import NodePath
from stemtree.losses import LOSSES
from stemtree.masks.relation import RelationSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.spectral import Stft

EXTENDS = "extends"
"""The key that names the file, or files, that a file changes."""


_LEAST = {"max_epochs": -1, "max_steps": -1, "accumulate_grad_batches": 1, "check_val_every_n_epoch": 1}

Count = Annotated[int, Field(gt=0, le=10**8)]
"""Of examples: as many as 30 years of 10 s."""


class CorpusSettings(BaseModel, frozen=True, extra="forbid"):
    """A corpus to learn from, or a split of it.

    Parameters
    ----------
    root : path
        Its folder.
    kind : str
        A key of `stemtree.corpora.registry.KINDS`.
    split : str, optional
        Only these songs.
    index : path, optional
        The salience index, by default where ``stemtree corpus index`` puts it.
    """

    root: Path
    kind: str = "slakh"
    split: str | None = None
    index: Path | None = None


class TrainSettings(BaseModel, frozen=True, extra="forbid"):
    """A run. The defaults are the papers' (poster; thesis, 4.4.1).

    Parameters
    ----------
    train, validation : tuple of CorpusSettings
        What is learned from, and what decides which weights are best.
    hierarchy : str
        What the corpora's labels are looked up in.
    targets : tuple of NodePath
        The nodes whose paths are learned: one for source-specific separation, any for query by example. Unset, a whole
        sub-tree is.
    levels : tuple of int, optional
        Which levels of the targets' paths, 1 being the target; unset, all.
    subtree : NodePath
        The node that is taken for the mixture, where no targets are given.
    depth : int, optional
        How many generations beneath it.
    channels : int
        1 mixes down to mono, 2 learns stereo.
    stft, chunking, rules, augmentation
        See there.
    network, relation, loss
        See there.
    weights : path, optional
        A model of the same network and nodes whose weights are where learning begins; unset, they are drawn.
    loss_every : int
        The loss looks at every so many frames: frames overlap, so that neighbours tell much the same, and where the
        network is small the loss costs more than it.
    distinct : int, optional
        How many different examples there are, with nothing missing (`left`); unset, no two are the same.
    epoch : int
        How many examples are learned from between two validations, after each of which a checkpoint is kept.
    validation_size : int
        How many examples decide.
    batch : int
        Examples of one step.
    optimiser : {"adam", "muon"}
        ``muon`` makes the steps of all matrices and kernels orthogonal (Jordan 2024), about as long as Adam's
        would be (Liu 2025), and leaves everything else to Adam.
    learning_rate : float
        The optimiser's, at most a million: steps must fit into single precision.
    average_decay : float, optional
        Weights are averaged over steps, each keeping this share of the average so far, and the average is what is
        validated and kept; unset, the weights themselves are.
    clip_percentile : float
        Gradients are cut to this percentile of all norms so far (AutoClip, Seetharaman 2020).
    schedule : {"plateau", "cosine"}
        ``plateau`` divides the rate by `plateau_factor` after `patience` validations without a better one; ``cosine``
        lets it fall to nothing over ``trainer.max_epochs``.
    keep : {"best", "last"}
        Which weights the model gets: those with the least validation loss, or the last, for schedules whose rate falls
        to nothing. The loss can stand still, and even rise, while separation gains.
    patience, plateau_factor, stop_after
        See there; training ends after `stop_after` validations without a better one.
    workers : int
        Processes that read examples, each of which takes memory: at most 256.
    seed : int
        Of 32 bits. Decides everything but the order of sums on several threads.
    trainer : dict
        Settings of Lightning's Trainer, such as ``max_epochs``, ``max_time``, ``devices`` or ``precision``.

    Raises
    ------
    ValidationError
        If a setting is unknown or does not fit the others.
    """

    train: tuple[CorpusSettings, ...] = Field(min_length=1)
    validation: tuple[CorpusSettings, ...] = Field(min_length=1)
    hierarchy: str
    targets: tuple[NodePath, ...] = ()
    levels: tuple[PositiveInt, ...] | None = None
    subtree: NodePath = ""
    depth: PositiveInt | None = None
    channels: Literal[1, 2] = 1
    stft: Stft = Stft(1024, 512, 16000)
    chunking: Chunking = Chunking()
    rules: SamplingRules = SamplingRules()
    augmentation: Augmentation | None = None
    network: NetworkSettings
    relation: RelationSettings = RelationSettings()
    weights: Path | None = None
    loss: str = "tpsa_l1"
    loss_every: PositiveInt = 1
    distinct: Count | None = 10_000
    epoch: Count = 10_000
    validation_size: Count = 5_000
    batch: PositiveInt = 25
    optimiser: Literal["adam", "muon"] = "adam"
    learning_rate: float = Field(default=1e-4, gt=0, le=1e6)
    average_decay: float | None = Field(default=None, gt=0, lt=1)
    clip_percentile: float = Field(default=10.0, gt=0, le=100)
    schedule: Literal["plateau", "cosine"] = "plateau"
    keep: Literal["best", "last"] = "best"
    patience: PositiveInt = 5
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    stop_after: PositiveInt = 10
    workers: int = Field(default=1, ge=0, le=256)
    seed: int = Field(default=0, ge=0, lt=2**32)
    trainer: dict[str, Any] = {}

    @property
    def left(self) -> int | None:
        """How many different examples are left where whole chunks are missing (poster, experiment 3)."""
        if self.distinct is None or self.rules.missing_mode == "leaf":
            return self.distinct
        return max(1, round(self.distinct * (1 - self.rules.missing)))

    @property
    def takes_query(self) -> bool:
        """Whether the network needs an example of what to separate."""
        return self.network.takes_query

    @model_validator(mode="after")
    def _fits(self) -> "TrainSettings":
        if self.loss not in LOSSES:
            raise ValueError(f"there is no loss '{self.loss}'; there are {', '.join(LOSSES)}")
        most = self.stft.window // (2 * self.stft.hop)
        if self.loss_every > most:
            raise ValueError(f"a loss that looks at one frame of {self.loss_every} misses sounds: give at most {most}")
        if len(self.targets) != 1 and self.takes_query is False and self.targets:
            raise ValueError(
                f"{len(self.targets)} targets need a network that takes a query: give one, or another network"
            )
        if self.takes_query and not self.targets:
            raise ValueError("a network that takes a query separates the path of one target: give 'targets'")
        if self.targets and (self.subtree or self.depth):
            raise ValueError("'subtree' and 'depth' do not go with 'targets': leave one or the other out")
        if self.levels and not self.targets:
            raise ValueError("'levels' are those of a target's path: give 'targets' too")
        self._check_trainer()
        if self.schedule == "cosine" and (self.trainer.get("max_epochs") or 0) < 1:
            raise ValueError("the schedule 'cosine' must know its end: give 'trainer.max_epochs'")
        if self.epoch < self.batch:
            raise ValueError(f"an epoch of {self.epoch} examples is less than a batch of {self.batch}: make it longer")
        return self

    def _check_trainer(self) -> None:
        """What Lightning takes without a word and stumbles over in the middle of a run; it looks at the rest itself."""
        for name, least in _LEAST.items():
            value = self.trainer.get(name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(f"'trainer.{name}' is {value!r}: give a whole number, at least {least}")
        if self.trainer.get("limit_val_batches") == 0:
            raise ValueError("'trainer.limit_val_batches' is 0: leave some, since validation decides what is kept")
        precision = str(self.trainer.get("precision"))
        if precision in ("16-true", "bf16-true") or precision.startswith("transformer-engine"):
            raise ValueError(
                f"'trainer.precision' is '{precision}', in which spectrograms cannot be made: give 32, 16-mixed, or "
                "bf16-mixed"
            )
        if self.schedule == "plateau" and (self.trainer.get("check_val_every_n_epoch") or 1) > 1:
            raise ValueError(
                "'trainer.check_val_every_n_epoch' leaves epochs without the validation that the schedule 'plateau' "
                "looks at: make 'epoch' longer instead"
            )


def read_settings(files: Sequence[Path], changes: Sequence[str] = ()) -> TrainSettings:
    """Read a run's settings.

    Parameters
    ----------
    files : sequence of path
        YAML; each changes what those before it said. A file with the key ``extends`` changes the file, or files, that
        it names relative to itself.
    changes : sequence of str
        ``key=value`` with a YAML value and full stops between the keys, such as ``network.units=300``; they come last.

    Raises
    ------
    OptionError
        If a file cannot be read, or a setting is unknown, missing, or does not fit the others.
    """
    settings: dict[str, Any] = {}
    for file in files:
        settings = _merge(settings, _read(file, ()))
    for change in changes:
        key, equals, value = change.partition("=")
        if not key or not equals:
            raise OptionError(f"'{change}' sets nothing: write key=value")
        try:
            told = yaml.safe_load(value)
        except yaml.YAMLError:
            raise OptionError(f"the value of '{change}' is not YAML: put it in quotes") from None
        for name in reversed(key.split(".")):
            told = {name: told}
        settings = _merge(settings, told)
    try:
        return TrainSettings.model_validate(settings)
    except ValidationError as error:
        raise OptionError(one_sentence(error)) from None


def _read(file: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if file in above:
        raise OptionError(f"the settings '{file}' extend themselves: take one '{EXTENDS}' out")
    try:
        told = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"cannot read the settings '{file}': {error.strerror}; check the path") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise OptionError(f"the settings '{file}' are not YAML: check their indentation") from None
    if not isinstance(told, dict):
        raise OptionError(f"the settings '{file}' are no mapping: write lines of 'key: value'")
    names = told.pop(EXTENDS, [])
    settings: dict[str, Any] = {}
    for name in [names] if isinstance(names, str) else names:
        settings = _merge(settings, _read((file.parent / name).resolve(), (*above, file)))
    return _merge(settings, told)


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Change what is told anew; mappings are merged unless they are of another kind of thing."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        same_kind = (
            isinstance(before, dict)
            and isinstance(value, dict)
            and ("kind" not in value or value["kind"] == before.get("kind"))
        )
        merged[key] = _merge(before, value) if same_kind else value  # type: ignore[arg-type]
    return merged
