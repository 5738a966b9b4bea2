"""Which stems of a song become files, and where in the song's folder they lie."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, find_all, is_within

SUMS = "sums"
"""The folder of nodes that are sums of others, where all stems lie in one folder."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """The song without some nodes, as one stem.

    Parameters
    ----------
    nodes : tuple of NodePath
        None of them within another, in the tree's order.
    """

    nodes: tuple[NodePath, ...]

    @property
    def name(self) -> str:
        """Of its file: ``without_vocal``, ``without_bass+percussion``."""
        return f"without_{'+'.join(_name(node) for node in self.nodes)}"


Stem: TypeAlias = NodePath | Remainder
"""What becomes a file."""


@dataclass(frozen=True, slots=True)
class StemLayout:
    """Which of the nodes that were asked for become files, and where they lie.

    By default all of them do, each in the folder of its parent: ``accompaniment.wav``, ``accompaniment/bass.wav``.

    Parameters
    ----------
    leaves : bool
        Only nodes that nothing lies beneath: together they are the song, each sound once.
    flat : bool
        All in one folder by their own names, ``bass.wav``; those that are sums of others in its folder `SUMS`.
    active_only : bool
        Not those that are hardly there, more than 30 dB below the song.
    without : tuple of str
        Instead of the nodes the song without these, as one file; by any names that `stemtree.hierarchy.find_nodes`
        knows.

    Raises
    ------
    OptionError
        If the options contradict each other.
    """

    leaves: bool = False
    flat: bool = False
    active_only: bool = False
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.without and (self.leaves or self.active_only):
            other = "--leaves" if self.leaves else "--active-only"
            raise OptionError(
                f"--without writes one file, the song without these nodes, and {other} is about nodes: "
                "give them in two runs, which may share a folder"
            )

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
        if not self.without:
            return tuple(path for path in wanted if not self.leaves or tree.is_leaf(path))
        named = set(find_all(tree, self.without))
        nodes = tuple(path for path in tree.paths if path in named and not named & set(tree.ancestors(path)))
        if MIXTURE in named or all(any(is_within(leaf, node) for node in nodes) for leaf in tree.leaves()):
            raise OptionError(f"without {' and '.join(self.without)} nothing is left of the song: name fewer nodes")
        return (Remainder(nodes),)

    def files(
        self, stems: Iterable[Stem], below: Mapping[NodePath, tuple[NodePath, ...]], container: str
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

        Raises
        ------
        OptionError
            If two would have the same name.
        """
        files = {stem: f"{self._place(stem, below)}.{container}" for stem in stems}
        counts = Counter(file.casefold() for file in files.values())
        for stem, file in files.items():
            if counts[file.casefold()] > 1:
                same = [f"'{other}'" for other in files if files[other].casefold() == file.casefold()]
                hint = ", or give --leaves too" if isinstance(stem, str) and below.get(stem) else ""
                raise OptionError(
                    f"with --flat the nodes {' and '.join(same)} would all be '{file}': leave --flat out{hint}"
                )
        return files

    def _place(self, stem: Stem, below: Mapping[NodePath, tuple[NodePath, ...]]) -> str:
        if isinstance(stem, Remainder):
            return f"{SUMS}/{stem.name}" if self.flat else stem.name
        if not self.flat:
            return stem
        return f"{SUMS}/{_name(stem)}" if below.get(stem) else _name(stem)


def _name(path: NodePath) -> str:
    return path.rpartition("/")[2]
