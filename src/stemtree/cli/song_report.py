"""What ``stemtree separate`` and ``stemtree query`` print of each song: a tree, a line of JSON, or nothing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtree.cli.messages import markup, say, show
from stemtree.errors import counted

if TYPE_CHECKING:
    from stemtree.separation.output.stem_files import SavedSong


@dataclass(frozen=True, slots=True)
class Report:
    """How songs are reported on standard output.

    Parameters
    ----------
    quiet : bool
        Print no trees.
    as_json : bool
        Print one line of JSON for each song instead of trees.
    """

    quiet: bool = False
    as_json: bool = False

    def planned(self, song: Path, folder: Path, files: Iterable[str]) -> None:
        """Tell which files a song would become."""
        names = list(files)
        if self.as_json:
            self._line(song, "planned", folder=str(folder), files=names)
        elif not self.quiet:
            say("\n".join([f"{song} -> {folder}", *(f"  {name}" for name in names)]))

    def finished(self, song: Path, saved: "SavedSong", page: Path | None, seconds: float) -> None:
        """Tell which stems a song has."""
        if self.as_json:
            rows = {key: saved.manifest[key] for key in ("nodes", "sums", "without", "left_out")}
            rows = {key: table for key, table in rows.items() if table or key == "nodes"}
            entries = {"folder": str(saved.folder), **rows, "seconds": round(seconds, 3)}
            entries |= {"page": str(page)} if page else {}
            self._line(song, "exists" if saved.existed else "written", **entries)
        elif not self.quiet:
            print_tree(saved)
            if page:
                say(f"Listen to it: {page}")

    def failed(self, name: str, sentence: str) -> None:
        """Tell why a song has no stems; standard error has the sentence in any case."""
        if self.as_json:
            self._line(name, "failed", error=sentence)

    def _line(self, song: object, status: str, **entries: Any) -> None:
        print(json.dumps({"song": str(song), "status": status, **entries}), flush=True)


def print_tree(saved: "SavedSong") -> None:
    """Draw a song's stems as the tree that they are, with their loudness."""
    from rich.tree import Tree

    from stemtree.hierarchy import MIXTURE, is_within
    from stemtree.separation.output.describe import energy, loudness

    manifest = saved.manifest
    mixture = f"{loudness(manifest['mixture']['rms_dbfs'])}, {manifest['samples'] / manifest['sample_rate']:.1f} s"
    drawing = Tree(f"{markup(saved.folder)}  [dim]{mixture}{' (exists)' if saved.existed else ''}[/]")
    branches = {MIXTURE: drawing}
    for row in manifest["nodes"]:
        parent = max((path for path in branches if is_within(row["path"], path)), key=len)
        share = energy(row["energy_share"], row["active"])
        label = f"{markup(row['file'])}  [dim]{loudness(row['rms_dbfs'])}  {share}[/]"
        branches[row["path"]] = branches[parent].add(label)
    mixes = (*manifest["sums"], *manifest["without"])
    for row in mixes:
        drawing.add(
            f"{markup(row['file'])}  [dim]{loudness(row['rms_dbfs'])}  {energy(row['energy_share'], active=True)}[/]"
        )
    show(drawing)
    if left_out := [row["path"] for row in manifest["left_out"]]:
        say(f"inactive and left out: {', '.join(left_out)}")
    if held := sum(row["held_at_full_scale"] for row in (manifest["mixture"], *manifest["nodes"], *mixes)):
        values = counted(held, "value was", "values were")
        say(f"{values} held at full scale or took a sibling's difference; floating-point output alters none")
