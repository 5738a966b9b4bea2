"""What another separator makes of a node of a hierarchy: by its stem map, or by the names of the four classic stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stemtree.errors import SplitterError
from stemtree.hierarchy import Hierarchy, NodePath, Part, load, own_name
from stemtree.separation.splitters.stem_maps import STEM_HIERARCHY, StemMap, StemParts

NODE_NAMES = {
    "vocals": ("vocals", "vocal"),
    "drums": ("drums", "percussion"),
    "bass": ("bass",),
    "other": ("other",),
    "accompaniment": ("accompaniment",),
}
"""Names of the nodes that stems in the tradition of MUSDB18 are outputs for."""


@dataclass(frozen=True)
class SeparatorStems:
    """The stems of a separator's model, and what they are.

    Parameters
    ----------
    name : str
        The model's, for messages.
    stems : tuple of str
        The names that it has for them.
    stem_map : StemMap
        What they are.

    Raises
    ------
    SplitterError
        If nothing that it makes is a node, or if two stems are the same one.
    """

    name: str
    stems: tuple[str, ...]
    stem_map: StemMap

    def __post_init__(self) -> None:
        if not self.stem_map.file and self.stem_map.parts(load(STEM_HIERARCHY), self.stems) is None:
            raise SplitterError(
                f"{self.name} separates {', '.join(self.stems)}, of which none is known to be a node: say which are "
                "with --stem-map FILE"
            )

    def at(self, hierarchy: Hierarchy, node: NodePath) -> StemParts | None:
        """What it makes of a node; None if it does not hear that, or tells nothing in it apart."""
        found = self.stem_map.parts(hierarchy, self.stems)
        if found is None and not (self.stem_map.file or self.stem_map.divides or self.stem_map.models):
            found = _by_names(self.stems, hierarchy)
        is_heard = found is not None and hierarchy.leaves(node) == hierarchy.leaves(found.divided)
        return found if is_heard else None

    def parts(self, hierarchy: Hierarchy, node: NodePath) -> tuple[Part, ...]:
        """See `Splitter.parts`."""
        found = self.at(hierarchy, node)
        return () if found is None else found.parts


def _by_names(stems: Sequence[str], hierarchy: Hierarchy) -> StemParts | None:
    """Nodes named like vocals, drums, bass and other, or vocals and accompaniment, if they are all of the mixture.

    Stems beyond these four count as other.
    """
    own = [stem if stem in ("vocals", "drums", "bass") else "other" for stem in stems]
    if "vocals" not in own or len(set(own)) < 2:
        return None
    for names in (tuple(dict.fromkeys(own)), ("vocals", "accompaniment")):
        found = [path for name in names for path in _find(hierarchy, name)]
        leaves = [leaf for path in found for leaf in hierarchy.leaves(path)]
        if len(found) == len(names) and sorted(leaves) == sorted(hierarchy.leaves()):
            held = {"accompaniment": [name for name in own if name != "vocals"]}
            numbers = [tuple(place for place, one in enumerate(own) if one in held.get(name, [name])) for name in names]
            return StemParts("", tuple((path,) for path in found), tuple(numbers))
    return None


def _find(hierarchy: Hierarchy, name: str) -> Sequence[NodePath]:
    """The highest node that has one of the names of a stem; none or one."""
    paths = [path for path in hierarchy.paths if own_name(path) in NODE_NAMES[name]]
    return sorted(paths, key=lambda path: path.count("/"))[:1]
