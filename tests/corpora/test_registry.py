import re

import pytest

from stemtree.corpora.registry import KINDS, layout_of
from stemtree.errors import OptionError
from stemtree.hierarchy import load


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_hierarchy_and_is_in_the_help(kind: str, cli) -> None:
    assert load(layout_of(kind).hierarchy)
    help_text = " ".join(cli("corpus", "check", "--help").out.split())
    assert re.search(rf" {kind}(,| or |\.)", help_text)


def test_an_unknown_kind() -> None:
    with pytest.raises(OptionError, match="no kind of corpus 'musdb'; did you mean musdb18"):
        layout_of("musdb")
