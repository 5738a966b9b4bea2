"""Random trees for hypothesis."""

from hypothesis import strategies as st

from stemtree.hierarchy import Hierarchy, Node, NodePath


def _grown(content: tuple) -> tuple[Node, ...]:
    return tuple(Node(name, _grown(below)) for name, below in zip("abc", content, strict=False))


CONTENTS = st.recursive(st.just(()), lambda below: st.lists(below, min_size=1, max_size=3).map(tuple), max_leaves=8)


@st.composite
def wanted_nodes(draw: st.DrawFn) -> tuple[Hierarchy, tuple[NodePath, ...]]:
    """A random tree and some of its nodes in any order."""
    hierarchy = Hierarchy("any", Node("mixture", _grown(draw(CONTENTS.filter(bool)))))
    nodes = draw(st.permutations(hierarchy.paths))
    return hierarchy, tuple(nodes[: draw(st.integers(1, len(nodes)))])
