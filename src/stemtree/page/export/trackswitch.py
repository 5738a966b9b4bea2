"""For trackswitch.js, a player of several tracks for web pages: its configuration, a page, and the leaves."""

from __future__ import annotations

import html
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from stemtree.audio import OutputFormat, StemWriter, Width
from stemtree.page.colours import presets_of
from stemtree.page.export.common import Export
from stemtree.page.export.daw import leaf_names
from stemtree.page.stems import LeafReader
from stemtree.page.tree import PageTree

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<!-- trackswitch.js is not part of this export: put dist/js/trackswitch.js of https://github.com/audiolabs/trackswitch.js
     beside this page, and open it through a web server. -->
<script src="trackswitch.js"></script>
<trackswitch-player config-src="player-config.json"></trackswitch-player>
</html>
"""


def write_trackswitch(export: Export, folder: Path) -> None:
    """Write the leaves, ``player-config.json`` and ``index.html``."""
    tree = export.tree
    reader = LeafReader(tree)
    bits = 24 if any(width.bits == 24 for width in reader.widths) else 16
    of_leaves: Width = "pcm24" if bits == 24 else "pcm16"
    output = OutputFormat(export.codec, of_leaves if export.codec == "flac" else None)
    output = output.for_source(of_leaves, tree.sample_rate)
    folder.mkdir()
    names = [f"{name.removesuffix('.wav')}.{export.codec}" for name in leaf_names(tree)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(StemWriter(folder / name, output, tree.sample_rate, tree.channels)) for name in names
        ]
        for block in export.blocks():
            for writer, steps, width in zip(writers, block, reader.widths, strict=True):
                exact = steps.astype("int32") << (bits - width.bits)
                writer.write(exact.T if export.codec == "flac" else (steps * width.step).T.astype("float32"))
    gains = [width.gain if export.codec == "flac" else 1.0 for width in reader.widths]
    settings = player_config(tree, names, gains)
    (folder / "player-config.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / "index.html").write_text(_PAGE.format(title=html.escape(tree.title)), "utf-8")


def player_config(tree: PageTree, files: list[str], gains: list[float]) -> dict[str, Any]:
    """The player's configuration: a track for each leaf, and a preset for each inner node and mix."""
    tracks = [f"leaf{number}" for number in range(len(tree.leaves))]
    media = {
        track: {"type": "audio", "src": file, "title": _title(tree, leaf.node), "volume": gain / max(gains)}
        for track, file, leaf, gain in zip(tracks, files, tree.leaves, gains, strict=True)
    }
    presets = {"everything": {"label": "Everything", "tracks": tracks}}
    by_path = {node.path: node for node in tree.nodes}
    for name, paths in presets_of([node.path for node in tree.nodes]).items():
        named = {leaf for path in paths for leaf in by_path[path].leaves}
        only = name.endswith("only")
        heard = [track for number, track in enumerate(tracks) if (number in named) == only]
        if heard:
            presets[name.replace(" ", "-")] = {"label": name.capitalize(), "tracks": heard}
    for index, node in enumerate(tree.nodes):
        if node.children and node.path:
            leaves = [tracks[leaf] for leaf in node.leaves]
            presets[f"node{index}"] = {"label": _title(tree, index), "tracks": leaves}
    return {
        "media": media,
        "presets": presets,
        "views": [
            {"type": "text", "text": tree.title},
            {
                "type": "navigationBar",
                "controls": ["playback", "globalVolume", "looping", "presets", "timer", "seekBar"],
            },
            {"type": "waveform", "tracks": "audible"},
            {"type": "trackList", "tracks": tracks, "trackVolumeControls": True, "trackPanControls": "balance"},
        ],
    }


def _title(tree: PageTree, node: int) -> str:
    return tree.nodes[node].path.replace("_", " ").replace("/", " / ")
