from pathlib import Path

import pytest
import yaml

from stemtree.errors import OptionError
from stemtree.experiments import definition
from stemtree.experiments.definition import (
    ESTIMATOR,
    SIZES,
    Claim,
    Experiment,
    arm_settings,
    available,
    measured_on,
    read_experiment,
    read_experiments,
)
from stemtree.hierarchy import load
from stemtree.masks.relation import make_relation
from stemtree.training.settings import TrainSettings
from stemtree.training.targets import training_targets

ARMS = [
    (name, arm)
    for name in available()
    for arm, settings in read_experiment(name).arms.items()
    if ESTIMATOR not in settings
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_every_arm_is_a_configuration_with_a_relation(name: str, arm: str, size: str) -> None:
    settings = arm_settings(read_experiment(name), arm, size, seed=3)
    assert settings.seed == 3
    targets = training_targets(settings, load(settings.hierarchy))
    make_relation(settings.relation.kind, targets.tree, targets.nodes, settings.relation.sources)


def test_arms_of_an_experiment_differ() -> None:
    for name in available():
        experiment = read_experiment(name)
        for size in SIZES:
            arms = [
                arm_settings(experiment, arm, size).model_dump_json() for arm in experiment.arms if (name, arm) in ARMS
            ]
            assert len(set(arms)) == len(arms), name


def test_the_paper_size_is_the_sources() -> None:
    settings = arm_settings(read_experiment("4_relation_and_loss"), "direct_mask", "paper")
    assert settings.network.layers == 4 and settings.network.units == 600
    assert (settings.batch, settings.learning_rate, settings.stop_after) == (25, 1e-4, 100)
    assert settings.trainer["max_epochs"] == 100 and settings.distinct == settings.epoch == 10_000


def test_what_is_wrong_is_named() -> None:
    experiment = read_experiment("1_constraint")
    for call, message in (
        (lambda: read_experiment("1_constrain"), "no experiment '1_constrain'; did you mean 1_constraint"),
        (lambda: arm_settings(experiment, "tree", "small"), "no arm 'tree'; there are constrained, direct"),
        (lambda: arm_settings(experiment, "direct", "big"), "no size 'big'; there are tiny, small, paper"),
    ):
        with pytest.raises(OptionError, match=message):
            call()
    content = experiment.model_dump()
    arms = {"direct": {}, "other": {"corpus": "leaky"}}
    with pytest.raises(OptionError, match="no corpus 'leaky' for the task 'bleed'"):
        arm_settings(Experiment(question="", source="", task="bleed", arms=arms), "other", "small")
    with pytest.raises(ValueError, match="claim 1 names 'tree', which is no arm"):
        Experiment.model_validate(content | {"claims": [{"first": "tree", "second": "direct"}]})
    with pytest.raises(ValueError, match="claim 1 requires claim 1: only an earlier one can be"):
        Experiment.model_validate(content | {"claims": [{"first": "constrained", "second": "direct", "requires": 1}]})


def test_commands(cli, tmp_path: Path) -> None:
    listed = cli("experiment", "list")
    assert listed.code == 0 and "1_constraint: Does the hierarchical constraint" in listed.out
    hours = float(listed.out.splitlines()[-1].removesuffix(" CPU hours").rpartition(" ")[2])
    assert 5 < hours <= 12  # on two cores within a day
    printed = cli("experiment", "settings", "2_levels", "level_2", "--size", "paper", "--seed", 1)
    settings = TrainSettings.model_validate(yaml.safe_load(printed.out))
    assert settings.levels == (2,) and settings.seed == 1
    options = ("experiment", "settings", "2_levels", "level_2", "--size", "paper", "--seed", 1, "-o")
    written = cli(*options, tmp_path / "run.yaml")
    assert written.out == "" and (tmp_path / "run.yaml").read_text() == printed.out
    assert cli(*options, tmp_path / "none" / "run.yaml").err.startswith("stemtree: cannot write")


def test_two_experiments_of_one_name(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a/mine.yaml", "b/mine.yaml", f"a/{available()[0]}.yaml")]
    shipped = Path(definition.__file__).parent / "definitions" / f"{available()[0]}.yaml"
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(shipped.read_text("utf-8"), "utf-8")
    assert list(read_experiments([str(files[0]), str(files[0])])) == ["mine"]
    for names in (files[:2], files[2:]):
        with pytest.raises(OptionError, match="another experiment is called"):
            read_experiments([str(file) for file in names])


def test_a_seed_is_no_change() -> None:
    name, arm = ARMS[0]
    with pytest.raises(OptionError, match="'seed=7' says nothing: each experiment has its own seeds"):
        arm_settings(read_experiment(name), arm, "tiny", changes=["seed=7"])


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("{seed: 3}", "the arm 'a' has a 'seed', which is the same for all arms"),
        ("{test: 5}", "has a 'test'"),
        ("{corpora: 5, corpus: x}", "has a 'corpora'"),
        ("{cpu_seconds: x}", "has a 'cpu_seconds'"),
        ("{estimator: 5}", "the 'estimator' of the arm 'a' is 5: give a name"),
        ("{corpus: [x]}", r"the 'corpus' of the arm 'a' is \['x'\]: give a name"),
        ("{batch: 5, batch: 6}", "line 1: 'batch' stands twice among siblings"),
    ],
)
def test_arms_say_what_arms_can(tmp_path: Path, arm: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{{question: q, source: s, task: constraint, arms: {{a: {arm}, b: {{}}}}}}")
    with pytest.raises(OptionError, match=said):
        read_experiment(str(file))


def test_claims_are_about_test_sets_that_there_are() -> None:
    experiment = read_experiment(available()[0])
    first, second = list(experiment.arms)[:2]
    claim = Claim(first=first, second=second, tests=("here", "there"))
    changed = experiment.model_copy(update={"claims": (claim,)})
    with pytest.raises(OptionError, match="a claim names 'here', no test set of"):
        measured_on(changed, "tiny")
