"""Which stems of a song become files, and where in the song's folder they lie."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, find_all, is_within, own_name
from stemtree.separation.output.filename import Filename

SUMS = "sums"
"""The folder of nodes that are sums of others, where all stems lie in one folder."""

FLAT = "flat"
"""What ``tree.json`` says of its layout if all stems lie in one folder."""

_DEFAULT = "{track}/{path}.{ext}"


@dataclass(frozen=True)
class Mix:
    """A stem that is made of several nodes; one of another class is another stem.

    Parameters
    ----------
    nodes : tuple of NodePath
        None of them within another, in the tree's order.
    """

    nodes: tuple[NodePath, ...]

    @property
    def name(self) -> str:
        """Of its file: ``bass+percussion``."""
        return "+".join(own_name(node) for node in self.nodes)


class Sum(Mix):
    """Several nodes together."""


class Remainder(Mix):
    """The song without some nodes."""

    @property
    def name(self) -> str:
        """Of its file: ``without_vocal``, ``without_bass+percussion``."""
        return f"without_{super().name}"


Stem: TypeAlias = NodePath | Mix
"""What becomes a file."""

MIXES: dict[str, type[Mix]] = {"sums": Sum, "without": Remainder}
"""Stems that are no nodes, by their key in ``tree.json``."""


@dataclass(frozen=True, slots=True)
class StemLayout:
    """Which of the nodes that were asked for become files, and where they lie.

    By default all of them do, each in the folder of its parent: ``accompaniment.wav``, ``accompaniment/bass.wav``.

    Parameters
    ----------
    leaves : bool
        Only nodes that nothing lies beneath: together they are the song, each sound once.
    flat : bool
        All in one folder by their own names, ``bass.wav``; those that are sums of others in its folder `SUMS`. Where
        nodes of the tree would share a file, the names of nodes above them come first: ``bass-bass.wav``.
    active_only : bool
        Not those that are hardly there, more than 30 dB below the song.
    without : tuple of str
        Instead of the nodes the song without these, as one file; by any names that `stemtree.hierarchy.find_nodes`
        knows.
    sums : tuple of str
        Instead of the nodes these sums, each as one file, such as ``drums+bass``. One of a single node is that node.
    filename : Filename, optional
        Names for the files other than these.

    Raises
    ------
    OptionError
        If the options contradict each other.
    """

    leaves: bool = False
    flat: bool = False
    active_only: bool = False
    without: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    filename: Filename | None = None

    def __post_init__(self) -> None:
        if (self.without or self.sums) and (self.leaves or self.active_only):
            what = "--without writes one file, the song without these nodes,"
            if self.sums:
                what = f"{'--two-stems' if self.without else '--sum'} writes files that need not be nodes,"
            other = "--leaves" if self.leaves else "--active-only"
            raise OptionError(f"{what} and {other} is about nodes: give them in two runs, which may share a folder")
        if self.flat and self.filename:
            raise OptionError("--flat and --filename both say where files lie: leave one of them out")

    def with_two_stems(self, text: str) -> "StemLayout":
        """The layout for a node, or a sum of nodes, and the rest of the song."""
        if self.without or self.sums:
            other = "--without" if self.without else "--sum"
            raise OptionError(f"--two-stems and {other} both say what is written: give them in two runs")
        return replace(self, without=_summands(text), sums=(text,))

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes of `without` and `sums`, without which nothing else need be separated."""
        return self.without + tuple(name for text in self.sums for name in _summands(text))

    @property
    def kind(self) -> str | None:
        """What ``tree.json`` says of how files are named; None for the default."""
        if self.filename and self.filename.template != _DEFAULT:
            return self.filename.template
        return FLAT if self.flat else None

    def stems(self, tree: Hierarchy, wanted: Iterable[NodePath]) -> tuple[Stem, ...]:
        """Choose what to write.

        Parameters
        ----------
        tree : Hierarchy
            What is separated.
        wanted : iterable of NodePath
            The nodes of it that were asked for.

        Raises
        ------
        HierarchyError
            If there is no node of a name in `without`.
        OptionError
            If nothing would be left.
        """
        if not self.without and not self.sums:
            return tuple(path for path in wanted if not self.leaves or tree.is_leaf(path))
        stems: list[Stem] = []
        for text in self.sums:
            nodes = _topmost(tree, _summands(text))
            if nodes is None:
                raise OptionError(f"'{text}' is the whole song: name fewer nodes")
            stems.append(nodes[0] if len(nodes) == 1 else Sum(nodes))
        if self.without:
            nodes = _topmost(tree, self.without)
            if nodes is None:
                raise OptionError(f"without {' and '.join(self.without)} nothing is left of the song: name fewer nodes")
            stems.append(Remainder(nodes))
        return tuple(dict.fromkeys(stems))

    def files(
        self,
        stems: Iterable[Stem],
        below: Mapping[NodePath, tuple[NodePath, ...]],
        container: str,
        track: str = "",
        song: str = "",
    ) -> dict[Stem, str]:
        """Name the file of each stem, relative to the song's folder.

        Parameters
        ----------
        stems : iterable of Stem
            From `stems`.
        below : mapping of NodePath to tuple of NodePath
            The children of every node of the tree.
        container : str
            The files' suffix.
        track, song : str
            The song's name and file, for `filename`.

        Raises
        ------
        OptionError
            If two would have the same name.
        """
        if self.filename:
            files = {stem: self.filename.file(_full_name(stem), track, song, container) for stem in stems}
        else:
            names = _flat_names([path for path in below if path], below) if self.flat else {}
            files = {stem: f"{self._place(stem, below, names)}.{container}" for stem in stems}
        counts = Counter(file.casefold() for file in files.values())
        for file in files.values():
            if counts[file.casefold()] > 1:
                same = [f"'{_full_name(other)}'" for other in files if files[other].casefold() == file.casefold()]
                if self.filename:
                    raise OptionError(
                        f"with --filename '{self.filename.template}' {' and '.join(same)} would all be '{file}': "
                        "add {path} to it"
                    )
                raise OptionError(f"with --flat the nodes {' and '.join(same)} would all be '{file}': leave --flat out")
        return files

    def _place(self, stem: Stem, below: Mapping[NodePath, tuple[NodePath, ...]], names: Mapping[NodePath, str]) -> str:
        if not isinstance(stem, str):
            return f"{SUMS}/{stem.name}" if self.flat else stem.name
        if not self.flat:
            return stem
        return f"{SUMS}/{names[stem]}" if below.get(stem) else names[stem]


def _flat_names(paths: Iterable[NodePath], below: Mapping[NodePath, tuple[NodePath, ...]]) -> dict[NodePath, str]:
    """The last parts of each node's path, as few as no other leaf (or, of a sum, no other sum) has; or the whole path.

    They depend on the tree alone, so that runs that share a folder name a node alike.
    """
    names = {}
    for is_sum in (False, True):
        parts = {path: path.split("/") for path in paths if bool(below.get(path)) is is_sum}
        for path, own in parts.items():
            others = [other for one, other in parts.items() if one != path]
            names[path] = "-".join(own[-_num_needed(own, others) :])
    return names


def _num_needed(own: list[str], others: Iterable[list[str]]) -> int:
    """How many of the last parts of a path tell it from others; all of them if none do."""
    folded = [part.casefold() for part in own]
    ends = [[part.casefold() for part in other] for other in others]
    return next((n for n in range(1, len(own)) if all(other[-n:] != folded[-n:] for other in ends)), len(own))


def _summands(text: str) -> tuple[str, ...]:
    """The names in a sum such as ``drums+bass``."""
    names = tuple(name.strip() for name in text.split("+"))
    if not all(names):
        raise OptionError(f"'{text}' is no sum of nodes: write names with + between them, such as drums+bass")
    return names


def _topmost(tree: Hierarchy, names: Iterable[str]) -> tuple[NodePath, ...] | None:
    """The nodes of these names that lie within no other of them, in the tree's order; None if they are all there is."""
    named = set(find_all(tree, names))
    nodes = tuple(path for path in tree.paths if path in named and not named & set(tree.ancestors(path)))
    if MIXTURE in named or all(any(is_within(leaf, node) for node in nodes) for leaf in tree.leaves()):
        return None
    return nodes


def _full_name(stem: Stem) -> str:
    return stem if isinstance(stem, str) else stem.name
