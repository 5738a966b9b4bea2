"""Which family of instruments a node belongs to, and the family's colour on the page and in exports."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stemtree.hierarchy import NodePath


@dataclass(frozen=True, slots=True)
class Family:
    """A family of instruments.

    Parameters
    ----------
    name : str
        Its key on the page.
    words : str
        Alternatives of a regular expression: words that the names of its nodes have.
    light, dark : str
        Colour on a light and on a dark ground, ``#rrggbb``; both have a contrast of 3 or more against it.
    """

    name: str
    words: str
    light: str
    dark: str


FAMILIES = (
    Family("voice", "vocals?|voices?|vox|choir|singers?|singing|speech", "#c2306b", "#f2719f"),
    Family(
        "mallets", r"tonal percussion|mallets?|marimba|xylophone|vibraphone|glockenspiel|bells?", "#b03a2e", "#f08a7c"
    ),
    Family("drums", r"drum\w*|percussion|percussive|kick|snare|toms?|cymbals?|hi hat|kit", "#a85b00", "#f0a04b"),
    Family("bass", r"bass|basses|contrabass|sub", "#2f5fc4", "#7fa6f8"),
    Family("keys", r"pianos?|keys|keyboards?|organs?|synth\w*|clavinet|harpsichord", "#7444b8", "#b794f6"),
    Family("guitar", r"guitars?|plucked|ukulele|banjo|mandolin", "#2d7a3a", "#74c476"),
    Family("strings", r"strings?|violins?|violas?|cellos?|bowed|harps?", "#96591f", "#d9a066"),
    Family("brass", r"brass|trumpets?|trombones?|horns?|tubas?", "#8a6a00", "#e3c23c"),
    Family("winds", r"woodwinds?|winds?|reeds?|pipes?|flutes?|clarinets?|sax\w*|oboes?", "#00796f", "#4fd0c0"),
    Family("effects", r"fx|effects?|noise|ambien\w+", "#5c6b7a", "#9fb0c3"),
)
"""As they are looked for: tonal percussion is no drum, and a bass guitar a bass."""

NEUTRAL = Family("neutral", "", "#56616f", "#a3afbf")
"""For nodes that hold several families, such as an accompaniment, and for names that mean none."""

_PRESETS = {"karaoke": "voice", "drumless": "drums", "bass only": "bass"}


def families_of(paths: Sequence[NodePath]) -> dict[NodePath, Family]:
    """Find the family of every node: that of its own name, or of the nearest name above it that means one.

    An inner node whose name means several holds several.

    Parameters
    ----------
    paths : sequence of NodePath
        All nodes of a tree, such as ``accompaniment/percussion/drum_set``.
    """
    inner = {path.rpartition("/")[0] for path in paths}
    return {path: _family(path, path in inner) for path in paths}


def presets_of(paths: Sequence[NodePath]) -> dict[str, list[NodePath]]:
    """Name the mixes that a tree offers: the nodes that are muted in each, or for "bass only" heard.

    Parameters
    ----------
    paths : sequence of NodePath
        All nodes, parents before their children.

    Returns
    -------
    dict
        ``karaoke``, ``drumless`` and ``bass only``, as far as the tree has such nodes; the topmost of each family.
    """
    families, found = families_of(paths), {}
    for preset, wanted in _PRESETS.items():
        of_family = [path for path in paths if path and families[path].name == wanted]
        topmost = [path for path in of_family if not any(path.startswith(f"{above}/") for above in of_family)]
        if topmost:
            found[preset] = topmost
    return found


def _family(path: NodePath, inner: bool) -> Family:
    for name in reversed(path.split("/")):
        plain = re.sub(r"[\W_]+", " ", name.lower())
        meant = [family for family in FAMILIES if re.search(rf"\b({family.words})\b", plain)]
        if meant:
            return meant[0] if len(meant) == 1 or not inner else NEUTRAL
        inner = True
    return NEUTRAL
