"""What lies in a song's folder, and what a run adds to it.

Runs share the folder: each writes what is not there yet. ``tree.json`` describes the last run's tree, format and all
stems of that kind; stems of other kinds (another format, a tree that is divided otherwise) are in its list ``also``,
each entry with the same keys.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from stemtree.audio import open_source
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import NodePath
from stemtree.separation.output.given import GivenStem
from stemtree.separation.output.layout import FLAT, MIXES, Remainder, Stem
from stemtree.separation.output.manifest import MANIFEST, Manifest, read_manifest
from stemtree.separation.output.recipe import Tree, children_of, difference, is_one_tree, joined, recipes
from stemtree.separation.output.runs import ALSO, layout_of, merged_run, recipe, runs_of, stem_rows

_INTEGERS = ("pcm16", "pcm24")
_REMEDY = "give --overwrite or another folder"


@dataclass(frozen=True, slots=True)
class Additions:
    """What a run writes into a song's folder, and what it must fit.

    Parameters
    ----------
    files : dict of Stem to str
        The stems to write and their files, within the folder.
    there : dict of Stem to dict
        The rows of ``tree.json`` of the stems that were asked for and are there, or were left out as inactive.
    given : dict of NodePath to GivenStem
        Nodes that are there as integers of the same width, made in the same way: with the new ones they must add up.
    given_without : dict of NodePath to GivenStem
        The same of the song without a node.
    moved : tuple of str
        Files of nodes that are written anew under other names.
    """

    files: dict[Stem, str]
    there: dict[Stem, dict[str, Any]]
    given: dict[NodePath, GivenStem]
    given_without: dict[NodePath, GivenStem]
    moved: tuple[str, ...] = ()


class SongFolder:
    """A song's folder as ``tree.json`` describes it.

    Parameters
    ----------
    folder : pathlib.Path
        It need not exist.
    inputs : dict
        What determines the stems of the run that is to write there, from `describe_inputs`.
    manifest_name : str
        Name of the manifest.
    """

    def __init__(self, folder: Path, inputs: Manifest, manifest_name: str = MANIFEST) -> None:
        self.folder, self.inputs, self.manifest_name = folder, inputs, manifest_name
        self.manifest = read_manifest(folder, manifest_name)
        self._runs = runs_of(self.manifest or {})
        self._differences = [difference(run, inputs) for run in self._runs]

    def additions(self, files: Mapping[Stem, str], overwrite: bool) -> Additions:
        """Find out which of the stems that were asked for must be written.

        Parameters
        ----------
        files : mapping of Stem to str
            The stems that were asked for and their files.
        overwrite : bool
            Whether to write all of them, whatever is there.

        Raises
        ------
        OptionError
            Without `overwrite`: if the folder holds stems of another song, or stems that the new ones could be taken to
            belong to and that were made otherwise, or files of these names that nobody knows.
        """
        there: dict[Stem, dict[str, Any]] = {}
        if not overwrite:
            self._check(files)
            for run in filter(self._is_alike, self._runs):
                for stem, row in stem_rows(run):
                    is_same = files.get(stem) == row["file"] and recipe(run, stem) == recipe(self.inputs, stem)
                    if is_same and self._is_whole(run, row):
                        there[stem] = row
        missing = {stem: file for stem, file in files.items() if stem not in there}
        replaced = set(missing.values())
        given, given_without = self._given(replaced) if missing else ({}, {})
        alike = stem_rows(self._base) if self._base else []
        moved = tuple(row["file"] for stem, row in alike if stem in missing and row["file"] not in replaced)
        return Additions(missing, there, given, given_without, moved)

    def left_out(self) -> dict[NodePath, dict[str, Any]]:
        """What was found inactive by earlier runs that were not to write such nodes."""
        return {row["path"]: row for row in (self._base or {}).get("left_out", ())}

    def described(self, additions: Additions, written: Manifest) -> Manifest:
        """What ``tree.json`` says once the additions are there.

        Parameters
        ----------
        additions : Additions
            From `additions`.
        written : dict
            What the new stems determine, from `describe_stems`; ``{}`` if there are none.
        """
        rows = additions.there | dict(stem_rows(written))
        replaced = {*additions.files.values(), *additions.moved}
        base = self._base
        others = []
        for run in self._runs:
            kept = {stem: row for stem, row in stem_rows(run) if row["file"] not in replaced}
            if run is base:
                rows = kept | rows
            elif kept:
                nodes = [row for stem, row in kept.items() if isinstance(stem, str)]
                others.append(run | {"nodes": nodes, "wanted": [row["path"] for row in nodes]})
                for key in MIXES.keys() & run.keys():
                    others[-1][key] = [row for stem, row in kept.items() if isinstance(stem, MIXES[key])]
        left_out = self.left_out() | {row["path"]: row for row in written.get("left_out", ())}
        lengths = {key: (written or base or others[0])[key] for key in ("samples", "mixture")}
        run = merged_run(self.inputs, base, rows, left_out) | lengths
        tables = {key: run.pop(key) for key in ("nodes", *MIXES, "left_out") if key in run}
        return run | tables | ({ALSO: others} if others else {})

    @property
    def tree(self) -> Tree:
        """The tree of this run with what runs that lie here divide further."""
        return self._known[0]

    @cached_property
    def _known(self) -> tuple[Tree, dict[NodePath, str]]:
        """`tree`, and the recipes of all its nodes."""
        tree, known = self.inputs["hierarchy"]["tree"], recipes(self.inputs)
        for run, differs in zip(self._runs, self._differences, strict=True):
            theirs = recipes(run) if not differs else {}
            agree = all(known[path] == theirs[path] for path in known.keys() & theirs.keys())
            if theirs and agree and is_one_tree(tree, run["hierarchy"]["tree"]):
                tree, known = joined(tree, run["hierarchy"]["tree"]), known | theirs
        return tree, known

    def _check(self, files: Mapping[Stem, str]) -> None:
        if self.manifest is not None and not self._runs:
            raise OptionError(f"'{self.folder}' holds a tree.json that is not of stemtree separate: {_REMEDY}")
        stems = {file: stem for stem, file in files.items()}
        known: set[str] = set()
        for run, differs in zip(self._runs, self._differences, strict=True):
            if differs:
                raise OptionError(f"'{self.folder}' holds stems {differs}: {_REMEDY}")
            if layout_of(run) != layout_of(self.inputs):
                raise OptionError(f"'{self.folder}' holds stems {self._named_otherwise(run)}")
            for stem, row in stem_rows(run):
                known.add(row["file"])
                if row["file"] in stems and not self._is_alike(run):
                    key = "subtype" if run["format"]["subtype"] != self.inputs["format"]["subtype"] else "bitrate"
                    one, two = (entry["format"].get(key, "default") for entry in (run, self.inputs))
                    raise OptionError(f"'{self.folder}' holds stems of {key} {one}, not {two}: {_REMEDY}")
                if stems.get(row["file"], stem) != stem:
                    raise OptionError(f"'{self.folder / row['file']}' is there, and is something else: {_REMEDY}")
                if layout_of(run) == FLAT and isinstance(stem, str) and "/" not in row["file"] and self._is_sum(stem):
                    raise OptionError(
                        f"'{self.folder / row['file']}' would lie beside its own parts, every sound twice: give "
                        "another folder with -o"
                    )
        for file in sorted(files.values()):
            if file not in known and os.path.lexists(self.folder / file):
                raise OptionError(f"'{self.folder / file}' is there, and no tree.json says what it is: {_REMEDY}")

    def _named_otherwise(self, run: Manifest) -> str:
        """How a run's stems are named, and how to name new ones alike."""
        name = layout_of(run)
        if name is None:
            given = "--flat" if layout_of(self.inputs) == FLAT else "--filename"
            how = f"in folders by their parents: leave out {given}"
        else:
            how = "in one folder: give --flat" if name == FLAT else f"named by '{name}': give --filename '{name}'"
        return f"{how}, or give another folder with -o"

    def _is_sum(self, path: NodePath) -> bool:
        return bool(children_of(self.tree).get(path))

    def _is_alike(self, run: Manifest) -> bool:
        """Whether stems of a run are of the format of this one, and named in the same way."""
        return bool(run["format"] == self.inputs["format"]) and layout_of(run) == layout_of(self.inputs)

    @cached_property
    def _base(self) -> Manifest | None:
        """The run, if there is one, that this one continues: of one tree, format and kind of names."""
        for run, differs in zip(self._runs, self._differences, strict=True):
            is_one = is_one_tree(run["hierarchy"]["tree"], self.inputs["hierarchy"]["tree"])
            if not differs and self._is_alike(run) and is_one:
                return run
        return None

    def _given(self, replaced: set[str]) -> tuple[dict[NodePath, GivenStem], dict[NodePath, GivenStem]]:
        """The nodes, and those that the song is there without, whose integers are to stay; not files to replace."""
        given: dict[NodePath, GivenStem] = {}
        without: dict[NodePath, GivenStem] = {}
        width, known = self.inputs["format"]["subtype"], self._known[1]
        for run, differs in zip(self._runs, self._differences, strict=True):
            if differs or width not in _INTEGERS or run["format"]["subtype"] != width:
                continue
            for stem, row in stem_rows(run):
                path = stem if isinstance(stem, str) else stem.nodes[0]
                if row["file"] in replaced or known.get(path) != recipes(run)[path] or not self._is_whole(run, row):
                    continue
                there = GivenStem(self.folder / row["file"], row, run["samples"])
                if isinstance(stem, str):
                    given.setdefault(path, there)
                elif isinstance(stem, Remainder) and len(stem.nodes) == 1 and not row["held_at_full_scale"]:
                    without.setdefault(path, there)
        return given, {path: stem for path, stem in without.items() if path not in given}

    def _is_whole(self, run: Manifest, row: Mapping[str, Any]) -> bool:
        return _is_whole(self.folder / row["file"], run.get("samples"))


@lru_cache(maxsize=256)
def _is_whole_now(stem: Path, num_samples: int, size: int, time: int) -> bool:
    try:
        source = open_source(stem)
        return source.num_samples == num_samples and source.excerpt(num_samples - 1, 1).shape[1] == 1
    except AudioError:
        return False


def _is_whole(stem: Path, num_samples: object) -> bool:
    """Whether a stem can be read to its last sample."""
    try:
        status = os.stat(stem)
    except OSError:
        return False
    return isinstance(num_samples, int) and _is_whole_now(stem, num_samples, status.st_size, status.st_mtime_ns)
