"""Measure the cost of rendering a corpus from MIDI files, 16 kHz mono without effects, and of checking it.

python benchmarks/cost/rendering.py SOUNDFONT MIDI...
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.rendering.render import render_corpus
from stemtree.rendering.settings import RenderSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("soundfont", type=Path)
    parser.add_argument("midi", type=Path, nargs="+")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        settings = RenderSettings((options.soundfont,), sample_rate=16000, stereo=False, redraw=True)
        problems = render_corpus(options.midi, root, settings, skip_bad=True)
        wall = time.perf_counter() - start
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = children.ru_utime + children.ru_stime
        corpus = load_corpus(root, "slakh", "ms21")
        seconds = sum(track.duration * len(track.stems) for track in corpus.tracks)
        print(f"{len(corpus.tracks)} songs, {len(problems)} left out, {seconds / 3600:.1f} stem hours in {wall:.0f} s")
        print(f"{seconds / cpu:.0f} seconds of stem per CPU second, the processes' start included")
        start = time.perf_counter()
        problems = check_corpus(root, "slakh", "ms21").problems
        print(f"corpus check: {time.perf_counter() - start:.1f} s, {len(problems)} problems")


if __name__ == "__main__":
    main()
