"""The runs that ``tree.json`` of a song's folder tells of, each a mapping with the same keys."""

from collections.abc import Mapping
from typing import Any

from stemtree.hierarchy import NodePath
from stemtree.separation.output.layout import MIXES, Stem
from stemtree.separation.output.manifest import Manifest
from stemtree.separation.output.manifest_shape import is_run
from stemtree.separation.output.recipe import children_of, joined, levels_of, recipes

ALSO = "also"
"""The key of the runs after the first, whose own keys are those of ``tree.json`` itself."""


def runs_of(manifest: Manifest) -> list[Manifest]:
    """Take the runs of ``tree.json``, from `read_manifest`, apart; none if it is of another program."""
    others = manifest.get(ALSO, [])
    runs = [{key: value for key, value in manifest.items() if key != ALSO}]
    runs += others if isinstance(others, list) else [others]
    return runs if all(map(is_run, runs)) else []


def stem_rows(run: Manifest) -> list[tuple[Stem, dict[str, Any]]]:
    """The stems of a run with their rows."""
    nodes: list[tuple[Stem, dict[str, Any]]] = [(row["path"], row) for row in run.get("nodes", ())]
    return nodes + [(kind(tuple(row["nodes"])), row) for key, kind in MIXES.items() for row in run.get(key, ())]


def recipe(run: Manifest, stem: Stem) -> list[str | None]:
    """The recipe of a node, or those of the nodes that a sum has or the song is without."""
    known = recipes(run)
    return [known.get(path) for path in ([stem] if isinstance(stem, str) else stem.nodes)]


def layout_of(run: Manifest) -> str | None:
    """How the files of a run are named, as `StemLayout.kind` has it."""
    return run.get("layout")


def merged_run(
    inputs: Manifest,
    base: Manifest | None,
    rows: Mapping[Stem, Mapping[str, Any]],
    left_out: Mapping[NodePath, Mapping[str, Any]],
) -> Manifest:
    """A run with all rows, of the tree of this run and of an earlier one."""
    splitters, split_by, wanted = list(inputs["splitters"]), dict(inputs["split_by"]), set(inputs["wanted"])
    tree = inputs["hierarchy"]["tree"]
    if base:
        tree = joined(tree, base["hierarchy"]["tree"])
        numbers: dict[int | None, int | None] = {None: None}
        for number, splitter in enumerate(base["splitters"]):
            if splitter not in splitters:
                splitters.append(splitter)
            numbers[number] = splitters.index(splitter)
        split_by = {path: numbers[number] for path, number in base["split_by"].items()} | split_by
        wanted |= set(base["wanted"])
    order, levels = children_of(tree), levels_of(tree)
    merged = inputs | {
        "hierarchy": inputs["hierarchy"] | {"tree": tree},
        "wanted": [path for path in order if path in wanted],
        "splitters": splitters,
        "split_by": {path: split_by[path] for path in order if path in split_by},
    }
    known = recipes(merged)
    tables: dict[str, list[dict[str, Any]]] = {"nodes": [], "left_out": []}
    for path in order:
        for name, table in (("nodes", rows), ("left_out", {} if path in rows else left_out)):
            if path in table:
                row = {key: value for key, value in table[path].items() if key not in ("path", "level", "recipe")}
                tables[name].append({"path": path, "level": levels[path], "recipe": known[path]} | row)
    for key, kind in MIXES.items():
        tables[key] = [dict(row) for stem, row in rows.items() if isinstance(stem, kind)]
    return merged | {name: table for name, table in tables.items() if table or name == "nodes"}
