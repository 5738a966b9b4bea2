"""What rendering costs: ``python benchmarks/cost/rendering.py SOUNDFONT MIDI...``; 16 kHz mono, effects off."""

import resource
import sys
import tempfile
import time
from pathlib import Path

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.rendering.render import render_corpus
from stemtree.rendering.settings import RenderSettings


def main() -> None:
    soundfont, *midis = (Path(argument) for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        rendering = RenderSettings((soundfont,), sample_rate=16000, stereo=False, redraw=True)
        problems = render_corpus(midis, root, rendering, skip_bad=True)
        wall = time.perf_counter() - start
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = children.ru_utime + children.ru_stime
        corpus = load_corpus(root, "slakh", "ms21")
        seconds = sum(track.duration * len(track.stems) for track in corpus.tracks)
        print(f"{len(corpus.tracks)} songs, {len(problems)} left out, {seconds / 3600:.1f} stem hours in {wall:.0f} s")
        print(f"{seconds / spent:.0f} seconds of stem per CPU second, the processes' start included")
        start = time.perf_counter()
        found = check_corpus(root, "slakh", "ms21").problems
        print(f"corpus check: {time.perf_counter() - start:.1f} s, {len(found)} problems")


if __name__ == "__main__":
    main()
