from stemtree.hierarchy import load
from stemtree.hierarchy.load import parse
from stemtree.separation.output.sums import sums_of
from stemtree.separation.plan import Plan
from stemtree.separation.preview import preview

SPLITTERS = [{"name": "spleeter"}, {"name": "trained"}]


def _plan(name: str, **options: object) -> Plan:
    plan = preview(load(name), **options)  # type: ignore[arg-type]
    assert plan is not None and plan.whole is not None
    return plan


def test_a_node_whose_children_are_one_splitters_outputs_is_divided_by_it() -> None:
    plan = _plan("musdb18")
    split_by, sums = sums_of(plan, plan.whole, SPLITTERS)
    assert split_by == {"": 0, "accompaniment": 2}
    assert [entry["by"] for entry in sums] == [[SPLITTERS[1]]]
    assert sums[0]["parts"]["bass"] == ["accompaniment/bass"] and len(sums[0]["parts"]["other"]) == 9


def test_sums_name_every_splitter_that_tells_the_children_apart() -> None:
    plan = _plan("moisesdb")
    split_by, sums = sums_of(plan, plan.whole, SPLITTERS)
    assert split_by == {"": 2, "percussion": 3}
    assert sums[0]["by"] == SPLITTERS and sums[1]["by"] == SPLITTERS[1:]


def test_sums_do_not_depend_on_what_lies_beneath() -> None:
    flat = parse("tree: {vocals: , band: {drums: , bass: , other: {guitar: , rest: }}}", "mine")
    deep, less = preview(flat), preview(flat.prune(2))
    assert deep is not None and less is not None and deep.whole is not None and less.whole is not None
    below, above = (sums_of(plan, plan.whole, SPLITTERS) for plan in (deep, less) if plan.whole)
    assert below[1][: len(above[1])] == above[1]
    assert above[0].items() <= below[0].items()


def test_an_only_child_is_divided_by_nothing() -> None:
    plan = _plan("slakh")
    assert sums_of(plan, plan.whole, SPLITTERS)[0]["bass"] is None
