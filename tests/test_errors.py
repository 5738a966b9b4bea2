from stemtree.errors import counted


def test_counts_of_one_and_of_several() -> None:
    assert [counted(number, "song") for number in (0, 1, 2)] == ["0 songs", "1 song", "2 songs"]
    assert [counted(number, "leaf", "leaves") for number in (1, 3)] == ["1 leaf", "3 leaves"]
