"""Pages that count the nodes of the default tree."""

import re
from pathlib import Path

from stemtree.separation.preview import preview

COST = Path(__file__).parents[2] / "docs" / "results" / "cost.md"


def test_the_whole_tree() -> None:
    plan = preview()
    assert plan is not None
    _, section = COST.read_text("utf-8").split("### Goals of the whole tree\n")
    section, *_ = section.split("\n### ")
    assert set(re.findall(r"(\d+) (?:leaves|stems)", section)) == {str(len(plan.tree.leaves()))}
    assert re.findall(r"(\d+) files", section) == [str(len(plan.tree.paths))]
