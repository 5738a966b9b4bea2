"""Print those songs whose arrangement lets all levels of an electric guitar's path be measured.

    python recipes/experiments/with_voice.py SOUNDFONT MIDI...

At each level of the path in MS21 something must sound beside it: a voice beside the accompaniment, an instrument beside
the guitar, both within the 60 s that ``corpora.sh`` renders. What is drawn for a song depends on its name alone, so it
is known before the song is rendered; other songs have no chunk with all levels.
"""

import argparse
from pathlib import Path

from stemtree.hierarchy import load
from stemtree.rendering.midi import read_parts
from stemtree.rendering.plan import draw_excerpt, plan_stems
from stemtree.rendering.settings import RenderSettings

GUITAR, FAMILY, VOICE = "accompaniment/other/electric_guitar", "accompaniment/other/", "vocal"
SECONDS = 60


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("soundfont", type=Path)
    parser.add_argument("songs", type=Path, nargs="+", metavar="MIDI")
    options = parser.parse_args()
    settings = RenderSettings(soundfonts=(options.soundfont,), redraw=True, stereo=False, hierarchy="slakh")
    for song in options.songs:
        leaves = drawn_leaves(song, settings)
        has_voice = any(leaf.startswith(VOICE) for leaf in leaves)
        has_other = any(leaf.startswith(FAMILY) and leaf != GUITAR for leaf in leaves)
        if GUITAR in leaves and has_voice and has_other:
            print(song, flush=True)


def drawn_leaves(song: Path, settings: RenderSettings) -> set[str]:
    """The leaves of MS21 in a song's arrangement."""
    parts = draw_excerpt(song, read_parts(song), 0, SECONDS, settings)
    tree = load("ms21")
    return {tree.leaf(plan.part.name) for plan in plan_stems(song, parts, 0, settings)}


if __name__ == "__main__":
    main()
