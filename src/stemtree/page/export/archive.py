"""Everything of a separated song in one file: its stems, as they lie in its folder, and ``tree.json``."""

from __future__ import annotations

import zipfile
from pathlib import Path

from stemtree.page.export.common import Export, file_name
from stemtree.page.tree import MANIFEST, check_inside, check_is_there
from stemtree.separation.output.layout import MIXES
from stemtree.separation.output.runs import ALSO

_PIECE = 1 << 20
_FASTEST = 1


def write_zip(export: Export, file: Path) -> None:
    """Write the archive; WAV files are deflated, others are as small as they get."""
    tree = export.tree
    runs = [tree.manifest, *tree.manifest.get(ALSO, ())]
    rows = (row for run in runs for key in ("nodes", *MIXES) for row in run.get(key, ()))
    stems = list(dict.fromkeys(str(row["file"]) for row in rows))
    for stem in stems:
        check_inside(tree.folder, stem)
        check_is_there(tree.folder, stem)
    sizes = {stem: (tree.folder / stem).stat().st_size for stem in (MANIFEST, *stems)}
    total, done = sum(sizes.values()), 0
    top = file_name(tree.title)
    with zipfile.ZipFile(file, "w", compresslevel=_FASTEST) as archive:
        for name in (MANIFEST, *stems):
            deflated = name.endswith((".wav", ".json"))
            entry = zipfile.ZipInfo.from_file(tree.folder / name, f"{top}/{name}", strict_timestamps=False)
            entry.compress_type = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
            with (
                (tree.folder / name).open("rb") as source,
                archive.open(entry, "w", force_zip64=sizes[name] >= 1 << 31) as target,
            ):
                while piece := source.read(_PIECE):
                    target.write(piece)
                    done += len(piece)
                    if export.progress:
                        export.progress(done, total)
