"""The sources' experiments as data: a question, configurations that differ in one thing, and claims about them."""

from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from stemtree.errors import OptionError, one_sentence, suggest
from stemtree.training.configuration import override
from stemtree.training.settings import TrainSettings

SIZES = ("small", "paper")
"""``paper`` is the sources' size, ``small`` what two cores train in minutes."""


class Claim(BaseModel, frozen=True, extra="forbid"):
    """What is claimed of two arms.

    Parameters
    ----------
    first, second : str
        The arms.
    level : {"all", 1, 2, 3}
        Where they are compared.
    margin : float, optional
        The claim is that they differ by less, in dB; unset, that the first is better.
    requires : int, optional
        Number of the claim, from 1, without whose support this one is not judged.
    """

    first: str
    second: str
    level: Literal["all", 1, 2, 3] = "all"
    margin: float | None = Field(default=None, gt=0)
    requires: PositiveInt | None = None


class Published(BaseModel, frozen=True, extra="forbid"):
    """What a source reports: SI-SDR improvement in dB over all levels and at each, from the highest to 1.

    Parameters
    ----------
    arm : str
        The arm that it is of, or ``mixture``, whose figures are SI-SDR.
    where : str
        The table.
    values : tuple of float
        Over all levels, then at levels 3, 2 and 1.
    """

    arm: str
    where: str
    values: tuple[float, float, float, float]


class Experiment(BaseModel, frozen=True, extra="forbid"):
    """One experiment.

    Parameters
    ----------
    question, source : str
        What is asked, and where.
    task : str
        A key of the tasks in ``sizes.yaml``: corpora, targets and network.
    arms : dict
        Settings of each configuration, laid over those of the task.
    seeds : int
        How often each arm is trained.
    claims, published
        See `Claim` and `Published`.
    """

    question: str
    source: str
    task: str
    arms: dict[str, dict[str, Any]] = Field(min_length=2)
    seeds: PositiveInt = 4
    claims: tuple[Claim, ...] = ()
    published: tuple[Published, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "Experiment":
        for number, claim in enumerate(self.claims, start=1):
            for arm in (claim.first, claim.second):
                if arm not in self.arms:
                    raise ValueError(f"claim {number} names '{arm}', which is no arm{suggest(arm, self.arms)}")
            if claim.requires and claim.requires >= number:
                raise ValueError(f"claim {number} requires claim {claim.requires}: only an earlier one can be")
        return self


def available() -> tuple[str, ...]:
    """The names of all experiments, in order."""
    files = (resources.files(__package__) / "definitions").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def read_experiment(name: str) -> Experiment:
    """Read an experiment by its name.

    Raises
    ------
    OptionError
        If there is none of that name, or its file is wrong.
    """
    if name not in available():
        raise OptionError(f"there is no experiment '{name}'{suggest(name, available())}")
    try:
        return Experiment.model_validate(_read(f"definitions/{name}.yaml"))
    except ValidationError as error:
        raise OptionError(f"the experiment '{name}' is wrong: {one_sentence(error)}") from None


def arm_settings(experiment: Experiment, arm: str, size: str, seed: int = 0) -> TrainSettings:
    """Resolve the settings of one run.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    arm : str
        One of its arms.
    size : str
        One of `SIZES`.
    seed : int
        Of the run.

    Raises
    ------
    OptionError
        If there is no such arm or size, or its settings do not fit each other.
    """
    if arm not in experiment.arms:
        raise OptionError(f"there is no arm '{arm}'{suggest(arm, experiment.arms)}")
    if size not in SIZES:
        raise OptionError(f"there is no size '{size}'{suggest(size, SIZES)}")
    sizes = _read("sizes.yaml")[size]
    settings = override(sizes["all"], sizes["tasks"][experiment.task])
    try:
        return TrainSettings.model_validate(override(settings, experiment.arms[arm]) | {"seed": seed})
    except ValidationError as error:
        raise OptionError(f"the arm '{arm}' at size '{size}': {one_sentence(error)}") from None


@cache
def _read(file: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((resources.files(__package__) / file).read_text("utf-8"))
    return content
