"""The papers' experiments as data: a question, configurations that differ in one thing, and claims about them."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from stemtree.errors import OptionError, one_sentence, suggest
from stemtree.experiments.test_set import TestSet
from stemtree.training.configuration import override, parse_change
from stemtree.training.settings import TrainSettings
from stemtree.yaml_text import one_line, parse_yaml

SIZES = ("tiny", "small", "paper")
"""``paper`` is the papers' size, ``small`` what two cores train in minutes, ``tiny`` two steps on tones."""

ESTIMATOR = "estimator"
"""The key of an arm that is not trained: what ``stemtree evaluate`` measures instead."""

_NOT_OF_ARMS = {"seed", "test", "corpora", "cpu_seconds"}
"""Keys that the experiment or its task has."""


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
    against : (str, str), optional
        Arms that `first` and `second` are first compared with: the claim is then about (first - against[0]) and
        (second - against[1]), such as what each loses.
    requires : int, optional
        Number of the claim, from 1, without whose support this one is not judged.
    tests : (str, str), optional
        Test sets with the same chunks: the claim is then about what each arm gains from the second to the first, or of
        `first` alone where `second` is the same arm.
    """

    first: str
    second: str
    level: Literal["all", 1, 2, 3] = "all"
    margin: float | None = Field(default=None, gt=0)
    against: tuple[str, str] | None = None
    requires: PositiveInt | None = None
    tests: tuple[str, str] | None = None


class Reason(BaseModel, frozen=True, extra="forbid"):
    """Why an experiment comes out as it does: what is said depends on how a claim is decided.

    Numbers are written as ``{mean ARM}``, ``{difference ARM ARM}`` or ``{headroom ARM}``, each with a level at the end
    if it is not over all, such as ``{mean ARM level 1}``, or as ``{claim NUMBER}`` for the difference of a claim;
    they are filled in from the rows.

    Parameters
    ----------
    claim : int, optional
        Its number, from 1; unset, `text` is said in any case.
    text, supported, opposed, undecided : str
        What is said, and what else where the claim is decided so.
    """

    claim: PositiveInt | None = None
    text: str = ""
    supported: str = ""
    opposed: str = ""
    undecided: str = ""


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
        Settings of each configuration, laid over those of the task; ``corpus`` names one of the task's ``corpora`` to
        train on. Or ``estimator: NAME``, as for
        ``stemtree evaluate``, for what is measured without training.
    seeds : int
        How often each arm is trained.
    claims, published, why
        See `Claim`, `Published` and `Reason`.
    shows : tuple of str
        Arms whose spectrograms and masks are drawn beside the truth (thesis, figure 15).
    """

    question: str
    source: str
    task: str
    arms: dict[str, dict[str, Any]] = Field(min_length=2)
    seeds: PositiveInt = 4
    claims: tuple[Claim, ...] = ()
    published: tuple[Published, ...] = ()
    why: tuple[Reason, ...] = ()
    shows: tuple[str, ...] = ()

    @property
    def compared_tests(self) -> tuple[str, ...]:
        """Test sets that claims compare with each other."""
        return tuple(dict.fromkeys(test for claim in self.claims for test in claim.tests or ()))

    def seeds_at(self, size: str) -> int:
        """How often each arm is trained at a size."""
        return 1 if size == "tiny" else self.seeds

    @model_validator(mode="after")
    def _check(self) -> "Experiment":
        for arm, settings in self.arms.items():
            if foreign := _NOT_OF_ARMS & settings.keys():
                key = min(foreign)
                raise ValueError(f"the arm '{arm}' has a '{key}', which is the same for all arms: leave it out")
            for key in ("corpus", ESTIMATOR):
                if key in settings and not isinstance(settings[key], str):
                    raise ValueError(f"the '{key}' of the arm '{arm}' is {settings[key]!r}: give a name")
        for number, claim in enumerate(self.claims, start=1):
            for arm in (claim.first, claim.second, *(claim.against or ())):
                if arm not in self.arms:
                    raise ValueError(f"claim {number} names '{arm}', which is no arm{suggest(arm, self.arms)}")
            if claim.tests and claim.against:
                raise ValueError(f"claim {number} has 'tests' and 'against': give one of them")
            if claim.first == claim.second and not claim.tests:
                raise ValueError(f"claim {number} compares '{claim.first}' with itself: give another arm, or 'tests'")
            if claim.requires and claim.requires >= number:
                raise ValueError(f"claim {number} requires claim {claim.requires}: only an earlier one can be")
        for arm in self.shows:
            if arm not in self.arms:
                raise ValueError(f"'{arm}', which is to be shown, is no arm{suggest(arm, self.arms)}")
        for reason in self.why:
            if reason.claim and reason.claim > len(self.claims):
                raise ValueError(f"a reason is about claim {reason.claim}, and there are {len(self.claims)}")
        return self


def available() -> tuple[str, ...]:
    """The names of all experiments, in order."""
    files = (resources.files(__package__) / "definitions").iterdir()
    names = [file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")]
    return tuple(sorted(names, key=lambda name: (int(name.partition("_")[0]), name)))


def read_experiment(name: str) -> Experiment:
    """Read an experiment by its name, or from a YAML file of one's own.

    Raises
    ------
    OptionError
        If there is none of that name, or its file is wrong.
    """
    own = name.endswith((".yaml", ".yml"))
    if not own and name not in available():
        raise OptionError(f"there is no experiment '{name}'{suggest(name, available())}")
    try:
        content = parse_yaml(Path(name).read_text("utf-8")) if own else _read(f"definitions/{name}.yaml")
        return Experiment.model_validate(content)
    except OSError as error:
        raise OptionError(f"cannot read the experiment '{name}' ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise OptionError(f"the experiment '{name}' is no text: write it as YAML") from None
    except yaml.YAMLError as error:
        raise OptionError(f"the experiment '{name}' is not YAML ({one_line(error)}): correct that") from None
    except ValidationError as error:
        raise OptionError(f"the experiment '{name}' is wrong: {one_sentence(error)}") from None


def read_experiments(names: Sequence[str]) -> dict[str, Experiment]:
    """Read experiments by the names of the ones that come along or of files; of none, all that come along."""
    read: dict[str, Experiment] = {}
    for given in dict.fromkeys(names or available()):
        is_file = given.endswith((".yaml", ".yml"))
        name = Path(given).stem if is_file else given
        if name in read or (is_file and name in available()):
            raise OptionError(f"another experiment is called '{name}' too: give '{given}' another name")
        read[name] = read_experiment(given)
    return read


def trained_arms(experiment: Experiment) -> dict[str, str | None]:
    """For each arm its estimator, None for those that are trained."""
    return {arm: settings.get(ESTIMATOR) for arm, settings in experiment.arms.items()}


def arm_settings(
    experiment: Experiment, arm: str | None, size: str, seed: int = 0, changes: Sequence[str] = ()
) -> TrainSettings:
    """Resolve the settings of one run.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    arm : str or None
        One of its arms; None for what its task alone says.
    size : str
        One of `SIZES`.
    seed : int
        Of the run.
    changes : sequence of str
        ``key=value``, laid over the arm's, see `stemtree.training.configuration.read_settings`.

    Raises
    ------
    OptionError
        If there is no such arm or size, or its settings do not fit each other.
    """
    if arm is not None and arm not in experiment.arms:
        raise OptionError(f"there is no arm '{arm}'{suggest(arm, experiment.arms)}")
    of_arm = experiment.arms[arm] if arm else {}
    if ESTIMATOR in of_arm:
        raise OptionError(f"the arm '{arm}' is not trained: it is the estimator '{of_arm[ESTIMATOR]}'")
    settings = override(_of_task(experiment, size), of_arm)
    corpora, corpus = settings.pop("corpora", {}), settings.pop("corpus", None)
    if corpus is not None and corpus not in corpora:
        raise OptionError(f"there is no corpus '{corpus}' for the task '{experiment.task}'{suggest(corpus, corpora)}")
    if corpus is not None:
        settings["train"] = corpora[corpus]
    for key in ("test", "cpu_seconds"):
        settings.pop(key, None)
    for change in changes:
        changed = parse_change(change)
        if "seed" in changed:
            raise OptionError(f"'{change}' says nothing: each experiment has its own seeds")
        settings = override(settings, changed)
    try:
        return TrainSettings.model_validate(settings | {"seed": seed})
    except ValidationError as error:
        of = f"the arm '{arm}'" if arm else f"the task '{experiment.task}'"
        raise OptionError(f"{of} at size '{size}': {one_sentence(error)}") from None


def cost_of_run(experiment: Experiment, size: str) -> float:
    """About how many CPU seconds a run of an arm that is trained takes; 0 where nobody has measured it."""
    return float(_of_task(experiment, size).get("cpu_seconds", 0))


def measured_on(experiment: Experiment, size: str) -> tuple[TestSet, ...]:
    """What the runs of an experiment are measured on."""
    names = [test["name"] for any_size in SIZES for test in _of_task(experiment, any_size)["test"]]
    for test in experiment.compared_tests:
        if test not in names:
            raise OptionError(f"a claim names '{test}', no test set of '{experiment.task}'{suggest(test, names)}")
    return tuple(TestSet(**(entry | {"root": Path(entry["root"])})) for entry in _of_task(experiment, size)["test"])


def _of_task(experiment: Experiment, size: str) -> dict[str, Any]:
    if size not in SIZES:
        raise OptionError(f"there is no size '{size}'{suggest(size, SIZES)}")
    sizes = _read("sizes.yaml")[size]
    if experiment.task not in sizes["tasks"]:
        raise OptionError(f"there is no task '{experiment.task}'{suggest(experiment.task, sizes['tasks'])}")
    return override(sizes["all"], sizes["tasks"][experiment.task])


@cache
def _read(file: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((resources.files(__package__) / file).read_text("utf-8"))
    return content
