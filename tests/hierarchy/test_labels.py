import pytest

from stemtree.errors import HierarchyError
from stemtree.hierarchy.labels import index_labels, normal_form


@pytest.mark.parametrize("label", ["Electric_Bass", "electric bass", " ELECTRIC--BASS. "])
def test_case_and_punctuation_do_not_matter(label: str) -> None:
    assert normal_form(label) == "electric bass"


def test_names_of_files_made_on_a_mac() -> None:
    assert normal_form("Flo\u0308te") == normal_form("Fl\u00f6te") == "fl\u00f6te"


def test_claimed_labels_and_unambiguous_names() -> None:
    claims = [("a/guitar", "Guitar (clean)"), ("b/keys", "piano")]
    names = [
        ("a/guitar", "guitar"),
        ("b/keys", "keys"),
        ("c/piano", "piano"),
        ("d/other", "other"),
        ("e/other", "other"),
    ]
    assert index_labels(claims, names) == {
        "guitar clean": "a/guitar",
        "piano": "b/keys",  # a claim precedes another leaf's name
        "guitar": "a/guitar",
        "keys": "b/keys",
    }


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ([("a", "x"), ("b", "X")], "label 'X' stands under both 'a' and 'b'"),
        ([("a", "--")], "the label '--' of 'a' has no letter or digit"),
    ],
)
def test_impossible_claims(claims: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        index_labels(claims, [])
