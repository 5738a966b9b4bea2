import pytest
import yaml

from stemtree.yaml_text import one_line, parse_yaml


def test_mappings_are_merged_and_changed_as_yaml_has_it() -> None:
    text = "base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\ntwice: [*b, *b]"
    base = {"x": 1, "y": 2}
    assert parse_yaml(text) == {"base": base, "mine": {"x": 1, "y": 3}, "twice": [base, base]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: {c: 1,\n c: 2}", "line 3: 'c' stands twice among siblings"),
        ("a: &a [*a]", "something in it contains itself"),
        ("{[1]: 2}", "line 1: a name must be plain text"),
        ("a: [", "line 1: "),
        ("a: 2001-13-45", "month must be in 1"),
    ],
)
def test_what_is_wrong_and_where(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError) as raised:
        parse_yaml(text)
    assert one_line(raised.value).startswith(said)
