"""A separated song as text: its tree, with the loudness of every node."""

from collections.abc import Sequence

from stemtree.hierarchy import MIXTURE, NodePath, is_within


def loudness(rms_dbfs: float | None) -> str:
    """RMS in words; None and minus infinity are silence."""
    return "silent" if rms_dbfs in (None, float("-inf")) else f"{rms_dbfs:.1f} dBFS"


def energy(share: float, active: bool) -> str:
    """A node's part of the mixture's energy in words."""
    return f"{share:6.1%} of the energy{'' if active else ', inactive'}"


def branches(rows: Sequence[tuple[NodePath, str]]) -> list[str]:
    """Draw nodes as the branches of a tree.

    Parameters
    ----------
    rows : sequence of (NodePath, str)
        Each node, parents first, and what its line says. A node whose parent is missing hangs under the nearest node
        above it.

    Returns
    -------
    list of str
        A line for each node, without one for the mixture.
    """
    above = {MIXTURE: ""}
    parents = []
    for path, _ in rows:
        parents.append(max((other for other in above if is_within(path, other)), key=len))
        above[path] = ""
    lines = []
    for number, (path, text) in enumerate(rows):
        is_last = parents[number] not in parents[number + 1 :]
        before = above[parents[number]]
        above[path] = before + ("    " if is_last else "│   ")
        lines.append(f"{before}{'└── ' if is_last else '├── '}{text}")
    return lines
