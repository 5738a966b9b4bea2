from pathlib import Path

import pytest

from stemtree.errors import OptionError
from stemtree.training.configuration import read_settings


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
        ("targets=[a, b]", "2 targets need a network that takes a query"),
        ("network={kind: component_query}", "does not go with the relation .direct.: give .tree., or another network"),
        ("subtree=accompaniment", "do not go with 'targets'"),
        ("schedule=cosine", "needs a number of epochs"),
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
        ("trainer.precision=bf16-true", "is 'bf16-true', which cannot represent spectrograms"),
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


def test_frames_of_the_loss_lie_on_a_grid_of_the_window(config: Path) -> None:
    stft = "stft={window: 256, hop: 32}"
    assert read_settings([config], [stft, "loss_every=4"]).loss_every == 4
    with pytest.raises(OptionError, match="one frame of 3 does not fit a window of 8 hops: give a divisor of that"):
        read_settings([config], [stft, "loss_every=3"])


def test_mid_and_side_are_for_networks_that_hear_features(config: Path) -> None:
    assert read_settings([config], ["channels=mid_side"]).channels == "mid_side"
    with pytest.raises(OptionError, match="the network 'scnet' hears no features: give 2"):
        read_settings([config], ["network={kind: scnet}", "channels=mid_side"])
