import pytest

from stemtree.curation.splits.artists import credited, group_by_artist


@pytest.mark.parametrize(
    ("artist", "title", "expected"),
    [
        ("The Ünders", "Song", {"unders"}),
        ("Bobby Nobody feat. N.I.A.", "x", {"bobbynobody", "nia"}),
        ("BaumXmedia", "Dream State (feat. Flora Lin)", {"baumxmedia", "floralin"}),
        ("James Elder & Mark M Thompson", "x", {"jameseldermarkmthompson", "jameselder", "markmthompson"}),
        ("Ian Dearden (with Vicki Swann)", "x", {"iandeardenwithvickiswann", "iandearden", "vickiswann"}),
        ("Malcolm X", "x", {"malcolmx"}),
        ("Андрей Андреев ft Ёж", "x", {"андреиандреев", "еж"}),
        ("!!!", "x", {"!!!"}),
        ("† † †", "x", {"†††"}),
        ("", "x", set()),
    ],
)
def test_credits(artist: str, title: str, expected: set[str]) -> None:
    assert credited(artist, title) == expected


def test_groups_are_connected_through_guests() -> None:
    credits = [("1", credited("A")), ("2", credited("B")), ("3", credited("C feat. B")), ("4", frozenset[str]())]
    assert group_by_artist(credits) == [["1"], ["2", "3"], ["4"]]
    assert group_by_artist([*credits, ("5", credited("A & C"))]) == [["1", "2", "3", "5"], ["4"]]
    assert group_by_artist([]) == [] and group_by_artist([("1", frozenset())]) == [["1"]]
