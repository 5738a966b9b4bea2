from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.hierarchy import load
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.training.data import Order, make_goal
from stemtree.training.settings import read_settings

CONFIGS = Path(__file__).parents[2] / "configs"
RUNS = sorted(file for file in CONFIGS.rglob("*.yaml") if file.name != "small.yaml")


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.stem)
def test_every_published_run(file: Path) -> None:
    """Reads, at full size and small, and asks for nodes that exist."""
    full = read_settings([file])
    goal = make_goal(full, load(full.hierarchy))
    assert all(path in goal.tree for path in goal.nodes)
    if full.targets:
        small = read_settings([file, CONFIGS / "small.yaml"])
        assert small.epoch < full.epoch and small.network.kind == full.network.kind
        assert (full.stft.window, full.stft.hop, full.batch, full.learning_rate) == (1024, 512, 25, 1e-4)
        assert (full.network.layers, full.network.units, full.network.dropout) == (4, 600, 0.3)


def test_files_change_each_other_and_the_command_line_comes_last(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("extends: run.yaml\nnetwork: {units: 16}\nbatch: 2\n")
    (tmp_path / "run.yaml").write_text(
        "train: [{root: a}]\nvalidation: [{root: b}]\nhierarchy: musdb18\ntargets: [vocals]\nbatch: 4\n"
        "network: {kind: mask_inference, layers: 1}\n"
    )
    settings = read_settings([tmp_path / "base.yaml"], ["network.dropout=0", "rules.absent=0.5"])
    assert settings.network == MaskInferenceSettings(layers=1, units=16, dropout=0)
    assert settings.batch == 2 and settings.rules.absent == 0.5
    other = read_settings([tmp_path / "base.yaml"], ["network={kind: folded_conv}", "relation.kind=tree"])
    assert other.network.kind == "folded_conv"  # nothing is left of the other network's settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("unknown=1", "there is no setting 'unknown'"),
        ("network.unitz=1", r"there is no setting 'network\.mask_inference\.unitz'"),
        ("rules.absnt=1", r"there is no setting 'rules\.absnt'"),
        ("rules.absent=2", "'absent' is 2"),
        ("batch=0", "'batch' is 0"),
        ("loss=l3", "^there is no loss 'l3'; there are"),
        ("stft={window: 256, hop: 100}", "a window of 256 samples every 100 cannot be: give a multiple"),
        ("stft={window: 0, hop: 0}", "a window of 0 samples every 0 cannot be"),
        ("levels=[0]", r"'levels\.0' is 0"),
        ("network={kind: query_by_example}", None),
        ("targets=[]", "'levels' are those of a target's path"),
        ("targets=[a, b]", "2 targets need a network that takes a query"),
        ("subtree=accompaniment", "do not go with 'targets'"),
        ("schedule=cosine", "must know its end"),
        ("loss_every=2", "one frame of 2 misses sounds: give at most 1"),
        ("epoch=3", "an epoch of 3 examples is less than a batch"),
        ("learning_rate=1e38", "'learning_rate' is '1e38': input should be less than or equal to 1000000"),
        ("seed=4294967296", "'seed' is 4294967296"),
        ("epoch=1000000000", "'epoch' is 1000000000"),
        ("workers=1000", "'workers' is 1000"),
        ("trainer.max_epochs=two", r"'trainer\.max_epochs' is 'two': give a whole number, at least -1"),
        ("trainer.accumulate_grad_batches=0", r"'trainer\.accumulate_grad_batches' is 0"),
        ("trainer.limit_val_batches=0", r"'trainer\.limit_val_batches' is 0: leave some"),
        ("trainer.check_val_every_n_epoch=2", "make 'epoch' longer instead"),
        ("trainer.precision=bf16-true", "is 'bf16-true', in which spectrograms cannot be made"),
        ("relation.kind=treee", "'relation.kind' is 'treee'"),
        ("nothing", "'nothing' sets nothing"),
        ("a=[", "is not YAML"),
    ],
)
def test_what_makes_no_sense(change: str, message: str | None, config: Path) -> None:
    more = ["levels=[1]", "trainer.max_epochs=null"]
    if message is None:
        read_settings([config], [*more, change])
        return
    with pytest.raises(OptionError, match=message) as error:
        read_settings([config], [*more, change])
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for text, message in (("[", "are not YAML"), ("- a", "are no mapping"), ("extends: me.yaml", "extend themselves")):
        (tmp_path / "me.yaml").write_text(text)
        with pytest.raises(OptionError, match=message):
            read_settings([tmp_path / "me.yaml"])
    with pytest.raises(OptionError, match=r"cannot read the settings '.*none\.yaml'"):
        read_settings([tmp_path / "none.yaml"])


def test_levels_that_a_path_has_not(config: Path) -> None:
    settings = read_settings([config], ["levels=[4]"])
    with pytest.raises(OptionError, match="no level 4 in a path of 3"):
        make_goal(settings, load("slakh"))


def test_goals(config: Path) -> None:
    slakh = load("slakh")
    one = make_goal(read_settings([config]), slakh)
    assert one.nodes == (
        "strings_guitar_keyboards/guitar/clean_guitars", "strings_guitar_keyboards/guitar", "strings_guitar_keyboards",
    )  # fmt: skip
    assert one.tree.children("strings_guitar_keyboards/guitar") == (
        "strings_guitar_keyboards/guitar/clean_guitars", "strings_guitar_keyboards/guitar/rest",
    )  # fmt: skip
    query = "network={kind: query_by_example}"
    many = make_goal(
        read_settings([config], [query, f"targets=[{one.nodes[0]}, bass/bass/electric_basses]", "levels=[1, 3]"]), slakh
    )
    assert many.nodes == ("level_3/level_2/level_1", "level_3") and many.picks == (0, 2)
    ms21 = load("ms21")
    whole = make_goal(read_settings([config], ["targets=[]", "subtree=accompaniment", "depth=1"]), ms21)
    assert whole.nodes == ("bass", "percussion", "other") and whole.wanted == tuple(
        f"accompaniment/{n}" for n in whole.nodes
    )


def test_order_is_the_epochs_alone_and_splits_among_processes(config: Path) -> None:
    settings = read_settings([config], ["epoch=12", "distinct=30"])

    def epochs(rank: int = 0, world: int = 1) -> list[list[int]]:
        order, found = Order(settings, rank, world), []
        for number in range(5):
            order.set_epoch(number)
            found.append(list(order))
            assert len(order) == len(found[-1])
        return found

    numbers = [number for epoch in epochs() for number in epoch]
    assert sorted(numbers[:30]) == sorted(numbers[30:60]) == list(range(30)) and numbers[:30] != numbers[30:60]
    late = Order(settings)
    late.set_epoch(3)
    assert list(late) == epochs()[3]
    halves = [epochs(rank, 2) for rank in (0, 1)]
    assert [sorted(a + b) for a, b in zip(*halves, strict=True)] == [sorted(epoch) for epoch in epochs()]
    thirds = [epochs(rank, 5) for rank in range(5)]  # of equal size, or the longer would wait for the shorter
    assert all(len(epoch) == 2 for part in thirds for epoch in part)
    for mode, count in (("all", 3), ("leaf", 30)):  # of 30 with 90 % removed
        fewer = Order(
            read_settings([config], ["distinct=30", f"rules={{missing: 0.9, missing_mode: {mode}}}", "epoch=30"])
        )
        assert len(list(fewer)) == 30 and len(set(fewer)) == count
    endless = Order(read_settings([config], ["distinct=null"]))
    endless.set_epoch(2)
    assert list(endless) == list(range(16, 24))
