"""Settings of a run of training."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PositiveInt, field_validator, model_validator

from stemtree.corpora.settings import CorpusSettings
from stemtree.data.augmentation import Augmentation
from stemtree.data.salience import Chunking
from stemtree.data.sampling import SamplingRules
from stemtree.errors import counted
from stemtree.hierarchy import NodePath
from stemtree.losses import LOSSES
from stemtree.masks.relation import RelationSettings
from stemtree.model_card import Channels
from stemtree.networks.registry import NetworkSettings
from stemtree.spectral import Stft

TRAINER_DEFAULTS = {"max_epochs": 100, "log_every_n_steps": 10}
"""Settings of Lightning's trainer that differ from Lightning's own defaults."""

_STFT = Stft(1024, 512, 16000)

_TRAINER_MINIMA = {"max_epochs": -1, "max_steps": -1, "accumulate_grad_batches": 1, "check_val_every_n_epoch": 1}

Count = Annotated[int, Field(gt=0, le=10**8)]
"""A number of examples; the greatest is 30 years of 10 s each."""


class TrainSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of a run. The defaults are the papers' (poster; thesis, 4.4.1).

    Parameters
    ----------
    train, validation : tuple of CorpusSettings
        Songs to train on, and songs whose loss decides which weights are best.
    hierarchy : str
        Name of the hierarchy that the corpora's labels are mapped to.
    targets : tuple of NodePath
        The nodes whose paths are learned, by any of their names (`stemtree.hierarchy.find_nodes`): one for
        source-specific separation, any number for query by example. Unset, a whole sub-tree is learned.
    levels : tuple of int, optional
        Which levels of the targets' paths, 1 being the target, or of the sub-tree, 1 being its leaves; unset, all.
    subtree : NodePath
        Without targets: the node that is used as the mixture, named as targets are.
    depth : int, optional
        Without targets: how many levels of nodes below `subtree` are learned; unset, all.
    channels : {1, 2, "mid_side"}
        1 averages the channels, 2 trains on stereo, and so does ``mid_side``, of which the network gets mid and side.
    stft, chunking, rules, augmentation
        See `Stft`, `Chunking`, `SamplingRules` (whose `query` follows from the network) and `Augmentation`.
    network, relation, loss
        See `NetworkSettings`, `RelationSettings`, `stemtree.losses`.
    weights : pathlib.Path, optional
        A model of the same network and nodes with whose weights training begins; unset, weights are random.
    loss_every : int
        The loss is computed on every so many frames. Frames overlap, so that little is lost, and with a small network
        the loss costs more than the network.
    distinct : int, optional
        How many different examples there are, as far as there are chunks; unset, no limit. See `num_distinct`.
    epoch : int
        How many examples are trained on between two validations; a checkpoint is saved after each validation.
    validation_size : int
        How many examples a validation has.
    batch : int
        How many examples a step has.
    optimiser : {"adam", "muon"}
        ``muon`` orthogonalises the steps of all matrices and convolution kernels (Jordan 2024), scaled to about the
        length of Adam's (Liu 2025), and uses Adam for all other parameters.
    learning_rate : float
        At most a million: steps must fit into single precision.
    average_decay : float, optional
        Weights are averaged over steps with this decay, and the average is validated and kept; unset, they are not.
    clip_percentile : float
        Gradients are clipped to this percentile of all norms so far (AutoClip, Seetharaman 2020).
    schedule : {"plateau", "cosine"}
        ``plateau`` multiplies the learning rate by `plateau_factor` after `patience` validations without a better one;
        ``cosine`` decreases it to 0 over ``trainer.max_epochs``.
    keep : {"best", "last"}
        Which weights the model gets: those with the least validation loss, or the last, for schedules that end at a
        rate of 0. The loss can stand still, and even rise, while separation improves.
    patience, plateau_factor, stop_after
        See `schedule`; training ends after `stop_after` validations without a better one.
    workers : int
        Number of processes that read examples, each of which takes memory: at most 256.
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
    channels: Channels = 1
    stft: Stft = _STFT
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

    @field_validator("stft", mode="before")
    @classmethod
    def _keep_what_is_not_given(cls, given: Any) -> Any:
        """Of a transform that is given in part, the rest is that of the papers, not `Stft`'s own."""
        return asdict(_STFT) | given if isinstance(given, dict) else given

    @property
    def num_distinct(self) -> int | None:
        """Number of different examples: `distinct`, less those that `rules` withhold whole (poster, experiment 3)."""
        if self.distinct is None or self.rules.missing_mode == "leaf":
            return self.distinct
        return max(1, round(self.distinct * (1 - self.rules.missing)))

    @property
    def takes_query(self) -> bool:
        """Whether the network needs an example of what to separate."""
        return self.network.takes_query

    @property
    def trainer_settings(self) -> dict[str, Any]:
        """`trainer` with `TRAINER_DEFAULTS`."""
        return TRAINER_DEFAULTS | self.trainer

    @model_validator(mode="after")
    def _check(self) -> "TrainSettings":
        if self.loss not in LOSSES:
            raise ValueError(f"there is no loss '{self.loss}'; there are {', '.join(LOSSES)}")
        most = self.stft.window // (2 * self.stft.hop)
        if self.loss_every > most:
            raise ValueError(f"a loss on one frame of {self.loss_every} misses sounds: give at most {most}")
        if (hops := self.stft.window // self.stft.hop) % self.loss_every:
            raise ValueError(
                f"a loss on one frame of {self.loss_every} does not fit a window of {hops} hops: give a divisor of that"
            )
        if len(self.targets) > 1 and not self.takes_query:
            raise ValueError(
                f"{len(self.targets)} targets need a network that takes a query: give one, or another network"
            )
        if self.network.relation not in (None, self.relation.kind):
            raise ValueError(
                f"the network '{self.network.kind}' does not go with the relation '{self.relation.kind}': give "
                f"'{self.network.relation}', or another network"
            )
        if self.takes_query and not self.targets:
            raise ValueError("a network that takes a query separates the path of one target: give 'targets'")
        if self.targets and (self.subtree or self.depth):
            raise ValueError("'subtree' and 'depth' do not go with 'targets': leave either these or those out")
        if self.channels == "mid_side" and self.network.domain != "features":
            raise ValueError(f"'channels' is mid_side, and the network '{self.network.kind}' hears no features: give 2")
        self._check_trainer()
        if self.schedule == "cosine" and (self.trainer.get("max_epochs") or 0) < 1:
            raise ValueError("the schedule 'cosine' needs a number of epochs: give 'trainer.max_epochs'")
        if self.epoch < self.batch:
            raise ValueError(
                f"an epoch of {counted(self.epoch, 'example')} is less than a batch of {self.batch}: make it longer"
            )
        return self

    def _check_trainer(self) -> None:
        """Check what Lightning accepts but fails on in the middle of a run; it checks the other settings itself."""
        for name, least in _TRAINER_MINIMA.items():
            value = self.trainer.get(name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(f"'trainer.{name}' is {value!r}: give a whole number, at least {least}")
        if clipping := next((name for name in self.trainer if name.startswith("gradient_clip_")), None):
            raise ValueError(f"'trainer.{clipping}' does nothing, since gradients are clipped by 'clip_percentile'")
        if isinstance(self.trainer.get("max_time"), int | float):
            raise ValueError("'trainer.max_time' is a number: write days:hours:minutes:seconds in quotes")
        if self.trainer.get("limit_val_batches") == 0:
            raise ValueError("'trainer.limit_val_batches' is 0: leave some, since they decide which weights are kept")
        precision = str(self.trainer.get("precision"))
        if precision in ("16-true", "bf16-true") or precision.startswith("transformer-engine"):
            raise ValueError(
                f"'trainer.precision' is '{precision}', which cannot represent spectrograms: give 32, 16-mixed, or "
                "bf16-mixed"
            )
        if self.schedule == "plateau" and (self.trainer.get("check_val_every_n_epoch") or 1) > 1:
            raise ValueError(
                "'trainer.check_val_every_n_epoch' leaves epochs without the validation that the schedule 'plateau' "
                "needs: make 'epoch' longer instead"
            )
