from pathlib import Path

from stemtree.training.configuration import read_settings
from stemtree.training.order import ExampleOrder


def test_order_is_the_epochs_alone_and_splits_among_processes(config: Path) -> None:
    settings = read_settings([config], ["epoch=12", "distinct=30"])

    def epochs(rank: int = 0, world: int = 1) -> list[list[int]]:
        order, found = ExampleOrder(settings, rank, world), []
        for number in range(5):
            order.set_epoch(number)
            found.append(list(order))
            assert len(order) == len(found[-1])
        return found

    numbers = [number for epoch in epochs() for number in epoch]
    assert sorted(numbers[:30]) == sorted(numbers[30:60]) == list(range(30)) and numbers[:30] != numbers[30:60]
    late = ExampleOrder(settings)
    late.set_epoch(3)
    assert list(late) == epochs()[3]
    halves = [epochs(rank, 2) for rank in (0, 1)]
    assert [sorted(a + b) for a, b in zip(*halves, strict=True)] == [sorted(epoch) for epoch in epochs()]
    thirds = [epochs(rank, 5) for rank in range(5)]  # of equal size, or the longer would wait for the shorter
    assert all(len(epoch) == 2 for part in thirds for epoch in part)
    for mode, count in (("all", 3), ("leaf", 30)):  # of 30 with 90 % removed
        fewer = ExampleOrder(
            read_settings([config], ["distinct=30", f"rules={{missing: 0.9, missing_mode: {mode}}}", "epoch=30"])
        )
        assert len(list(fewer)) == 30 and len(set(fewer)) == count
    endless = ExampleOrder(read_settings([config], ["distinct=null"]))
    endless.set_epoch(2)
    assert list(endless) == list(range(16, 24))
