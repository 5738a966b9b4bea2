"""What lies in a song's folder, and what a run adds to it.

Runs share the folder: each writes what is not there yet. ``tree.json`` describes the last run's tree, format and all
stems of that kind; stems of other kinds (another format, a tree that is divided otherwise) are in its list ``also``,
each entry with the same keys.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from stemtree.audio import read
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import NodePath
from stemtree.separation.output.manifest import Manifest, read_manifest, without_names
from stemtree.separation.output.manifest_shape import is_run
from stemtree.separation.output.recipe import Tree, children_of, difference, is_one_tree, joined, levels_of, recipes

_ALSO = "also"
_INTEGERS = ("pcm16", "pcm24")
_REMEDY = "give --overwrite or another folder"


@dataclass(frozen=True, slots=True)
class Additions:
    """What a run writes into a song's folder, and what it must fit.

    Parameters
    ----------
    files : dict of NodePath to str
        The stems to write and their files, within the folder.
    there : dict of NodePath to dict
        The rows of ``tree.json`` of the stems that were asked for and are there.
    given : dict of NodePath to pathlib.Path
        Stems that are there as integers of the same width, made in the same way: with the new ones they must add up.
    tree : mapping
        All nodes that are divided alike in this run and in those that made `given`.
    """

    files: dict[NodePath, str]
    there: dict[NodePath, dict[str, Any]]
    given: dict[NodePath, Path]
    tree: Tree


class SongFolder:
    """A song's folder as ``tree.json`` describes it.

    Parameters
    ----------
    folder : pathlib.Path
        It need not exist.
    inputs : dict
        What determines the stems of the run that is to write there, from `describe_inputs`.
    """

    def __init__(self, folder: Path, inputs: Manifest) -> None:
        self.folder, self.inputs = folder, inputs
        self.manifest = read_manifest(folder)
        others = self.manifest.get(_ALSO, [])
        runs = [{key: value for key, value in self.manifest.items() if key != _ALSO}]
        runs += others if isinstance(others, list) else [others]
        self._runs = [_with_splits(run, inputs) for run in runs] if all(map(is_run, runs)) else []
        self._differences = [difference(run, inputs) for run in self._runs]

    def additions(self, files: Mapping[NodePath, str], overwrite: bool) -> Additions:
        """Find out which of the stems that were asked for must be written.

        Parameters
        ----------
        files : mapping of NodePath to str
            The stems that were asked for and their files.
        overwrite : bool
            Whether to write all of them, whatever is there.

        Raises
        ------
        OptionError
            Without `overwrite`: if the folder holds stems of another song, or stems that the new ones could be taken to
            belong to and that were made otherwise, or files of these names that nobody knows.
        """
        there: dict[NodePath, dict[str, Any]] = {}
        if not overwrite:
            self._check(set(files.values()))
            mine = recipes(self.inputs)
            for run in self._runs:
                for row in run["nodes"] if _is_alike(run, self.inputs) else ():
                    path = row["path"]
                    if files.get(path) == row["file"] and recipes(run)[path] == mine[path] and self._is_whole(run, row):
                        there[path] = row
        missing = {path: file for path, file in files.items() if path not in there}
        tree, known = self._known_tree()
        given = self._given(known, set(missing.values())) if missing else {}
        return Additions(missing, there, given, tree)

    def described(self, additions: Additions, written: Manifest) -> Manifest:
        """What ``tree.json`` says once the additions are there.

        Parameters
        ----------
        additions : Additions
            From `additions`.
        written : dict
            What the new stems determine, from `describe_stems`; ``{}`` if there are none.
        """
        rows = additions.there | {row["path"]: row for row in written.get("nodes", ())}
        replaced = set(additions.files.values())
        base, others = None, []
        for run, differs in zip(self._runs, self._differences, strict=True):
            is_base = base is None and not differs and _is_alike(run, self.inputs) and _is_one(run, self.inputs)
            kept = [row for row in run["nodes"] if row["file"] not in replaced]
            if is_base:
                base = run
                rows = {row["path"]: row for row in kept} | rows
            elif kept:
                others.append(run | {"nodes": kept, "wanted": [row["path"] for row in kept]})
        run = _merged(self.inputs, base, rows)
        lengths = {key: (written or base or others[0])[key] for key in ("samples", "mixture")}
        nodes = run.pop("nodes")
        return run | lengths | {"nodes": nodes} | ({_ALSO: others} if others else {})

    def _check(self, targets: set[str]) -> None:
        if self.manifest and not self._runs:
            raise OptionError(f"'{self.folder}' holds a tree.json that is not of stemtree separate: {_REMEDY}")
        for run, differs in zip(self._runs, self._differences, strict=True):
            if differs:
                raise OptionError(f"'{self.folder}' holds stems {differs}: {_REMEDY}")
            if not _is_alike(run, self.inputs) and any(row["file"] in targets for row in run["nodes"]):
                one, two = (entry["format"]["subtype"] for entry in (run, self.inputs))
                raise OptionError(f"'{self.folder}' holds stems of subtype {one}, not {two}: {_REMEDY}")
        known = {row["file"] for run in self._runs for row in run["nodes"]}
        for file in sorted(targets - known):
            if os.path.lexists(self.folder / file):
                raise OptionError(f"'{self.folder / file}' is there, and no tree.json says what it is: {_REMEDY}")

    def _known_tree(self) -> tuple[Tree, dict[NodePath, str]]:
        """The tree of this run with what runs that lie here divide further, and the recipes of all its nodes."""
        tree, known = self.inputs["hierarchy"]["tree"], recipes(self.inputs)
        for run, differs in zip(self._runs, self._differences, strict=True):
            theirs = recipes(run) if not differs else {}
            agree = all(known[path] == theirs[path] for path in known.keys() & theirs.keys())
            if theirs and agree and is_one_tree(tree, run["hierarchy"]["tree"]):
                tree, known = joined(tree, run["hierarchy"]["tree"]), known | theirs
        return tree, known

    def _given(self, known: Mapping[NodePath, str], replaced: set[str]) -> dict[NodePath, Path]:
        given: dict[NodePath, Path] = {}
        width = self.inputs["format"]["subtype"]
        for run, differs in zip(self._runs, self._differences, strict=True):
            if differs or width not in _INTEGERS or run["format"]["subtype"] != width:
                continue
            for row in run["nodes"]:
                path, file = row["path"], row["file"]
                if file not in replaced and known.get(path) == recipes(run)[path] and self._is_whole(run, row):
                    given.setdefault(path, self.folder / file)
        return given

    def _is_whole(self, run: Manifest, row: Mapping[str, Any]) -> bool:
        return _is_whole(self.folder / row["file"], run.get("samples"))


def _with_splits(run: Manifest, inputs: Manifest) -> Manifest:
    """A run of an earlier version, which did not say who divided what, with what can be told of that."""
    if "split_by" in run:
        return run
    same = all(without_names(run[key]) == without_names(inputs[key]) for key in ("hierarchy", "splitters"))
    unknown = {path: None for path, children in children_of(run["hierarchy"]["tree"]).items() if children}
    return run | {"split_by": inputs["split_by"] if same else unknown}


def _is_alike(run: Manifest, other: Manifest) -> bool:
    """Whether stems of two runs are of one format."""
    return bool(run["format"] == other["format"])


def _is_one(run: Manifest, other: Manifest) -> bool:
    return is_one_tree(run["hierarchy"]["tree"], other["hierarchy"]["tree"])


def _merged(inputs: Manifest, base: Manifest | None, rows: Mapping[NodePath, Mapping[str, Any]]) -> Manifest:
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
    recipe = recipes(merged)
    nodes = []
    for path in order:
        if path in rows:
            row = {key: value for key, value in rows[path].items() if key not in ("path", "level", "recipe")}
            nodes.append({"path": path, "level": levels[path], "recipe": recipe[path]} | row)
    return merged | {"nodes": nodes}


@lru_cache(maxsize=256)
def _is_whole_now(stem: Path, num_samples: int, size: int, time: int) -> bool:
    try:
        return len(read(stem, num_samples - 1)[0].T) == 1
    except AudioError:
        return False


def _is_whole(stem: Path, num_samples: object) -> bool:
    """Whether a stem can be read to its last sample."""
    try:
        status = os.stat(stem)
    except OSError:
        return False
    return isinstance(num_samples, int) and _is_whole_now(stem, num_samples, status.st_size, status.st_mtime_ns)
