"""A separated song on disk: one file per node and a manifest, whole or not at all."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.audio import AudioSource, OutputFormat, StemWriter, bytes_needed
from stemtree.audio.loudness import RmsMeter
from stemtree.errors import AudioError, OptionError
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.separation.output.integer_sums import TreeSamples
from stemtree.separation.plan import Plan
from stemtree.separation.result import SeparatedBlock
from stemtree.staging import staging
from stemtree.version import __version__

MANIFEST = "tree.json"

_AT_ONCE = 1 << 15  # samples

ACTIVE = 1e-3
"""Share of the song's energy from which on a node counts as heard: 30 dB below the mixture."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a song's stems are.

    Parameters
    ----------
    folder : pathlib.Path
        The song's own.
    manifest : dict
        What ``tree.json`` says.
    existed : bool
        Whether they were there before, made from the same input in the same way.
    """

    folder: Path
    manifest: dict[str, Any]
    existed: bool = False


def save_tree(
    blocks: Iterable[SeparatedBlock],
    plan: Plan,
    provenance: list[dict[str, object]],
    source: AudioSource,
    folder: Path,
    output: OutputFormat,
    overwrite: bool = False,
) -> Saved:
    """Write a song's stems, unless they are there; `blocks` are separated as they are taken. See `Separator.save`."""
    song = folder / Path(source.name).stem
    if song.name in (".", ".."):
        raise OptionError(f"no folder can be named after '{source.name}': rename the file")
    output = output.for_source(source.width, source.sample_rate)
    for path in plan.wanted:
        if _is_same(song / f"{path}.{output.container}", source.name):
            raise OptionError(f"the stem '{path}' would replace its own input '{source.name}': choose another folder")
    recipe = _recipe(plan, provenance, source, output)
    if not overwrite and (saved := _existing(song, recipe)):
        return saved
    with staging(song) as folder:
        _check_room(folder, plan, source, output)
        manifest = recipe | _write_stems(blocks, plan, source, folder, output)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
        _publish(folder, song)
    return Saved(song, manifest)


def _is_same(stem: Path, file: str) -> bool:
    try:
        return stem.exists() and stem.samefile(file)
    except OSError as error:  # such as a name that is too long
        raise AudioError(f"cannot write '{stem}' ({error.strerror}): choose another folder") from None


def _write_stems(
    blocks: Iterable[SeparatedBlock], plan: Plan, source: AudioSource, folder: Path, output: OutputFormat
) -> dict[str, Any]:
    """Write all stems side by side and return what is known of them at the end."""
    files = {path: f"{path}.{output.container}" for path in plan.wanted}
    meters = {path: RmsMeter() for path in (MIXTURE, *plan.wanted)}
    held = dict.fromkeys(meters, 0)
    nodes_of = TreeSamples(plan.tree, output.bits)
    with ExitStack() as stack:
        writers: dict[NodePath, StemWriter] = {}
        for path, file in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            writer = StemWriter(folder / file, output, source.sample_rate, source.channels)
            writers[path] = stack.enter_context(writer)
        for block in _pieces(blocks):
            nodes, held_now = nodes_of(block.mixture, block.leaves)
            meters[MIXTURE].add(block.mixture)
            for path, writer in writers.items():
                writer.write(nodes[path])
                meters[path].add(nodes[path] * (1 / nodes_of.scale))
            for path in held:
                held[path] += held_now[path]
    loudness = {path: _loudness(meters[path]) | {"held_at_full_scale": held[path]} for path in meters}
    energy = meters[MIXTURE].energy
    rows = [
        {
            "path": path,
            "level": plan.tree.level(path),
            "file": files[path],
            **loudness[path],
            "energy_share": (share := round(meters[path].energy / energy, 6) if energy else 0.0),
            "active": share >= ACTIVE,
        }
        for path in plan.wanted
    ]
    return {"samples": meters[MIXTURE].num_values // source.channels, "mixture": loudness[MIXTURE], "nodes": rows}


def _pieces(blocks: Iterable[SeparatedBlock]) -> Iterator[SeparatedBlock]:
    """Stretches so short that what is made of them on the way to files stays in the processor's cache."""
    for block in blocks:
        for start in range(0, block.mixture.shape[-1], _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            yield SeparatedBlock(block.mixture[:, part], block.leaves[..., part])


def _loudness(meter: RmsMeter) -> dict[str, Any]:
    """RMS and peak in dBFS to 0.01 dB; None for silence, which JSON has no number for."""
    values = {"rms_dbfs": meter.rms_dbfs, "peak_dbfs": meter.peak_dbfs}
    return {key: round(value, 2) + 0.0 if math.isfinite(value) else None for key, value in values.items()}  # never -0.0


def _recipe(
    plan: Plan, provenance: list[dict[str, object]], source: AudioSource, output: OutputFormat
) -> dict[str, Any]:
    """All that decides what the stems will be."""
    with open(source.name, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "stemtree": __version__,
        "hierarchy": {"name": plan.tree.name, "tree": plan.tree.as_dict()},
        "wanted": list(plan.wanted),
        "splitters": provenance,
        "input": {"file": Path(source.name).name, "sha256": checksum},
        "sample_rate": source.sample_rate,
        "channels": source.channels,
        "format": {"container": output.container, "subtype": output.width},
    }


def _existing(song: Path, recipe: dict[str, Any]) -> Saved | None:
    """What is there already, if it is what would be made."""
    manifest = _read_manifest(song)
    files, container = _files_of(manifest), recipe["format"]["container"]
    if files and all(manifest.get(key) == value for key, value in recipe.items()):
        whole = all((song / file).exists() for file in files)
        return Saved(song, manifest, existed=True) if whole else None
    if not manifest and not any((song / f"{path}.{container}").exists() for path in recipe["wanted"]):
        return None
    raise OptionError(f"'{song}' holds stems of another input or made otherwise: give --overwrite or another folder")


def _check_room(folder: Path, plan: Plan, source: AudioSource, output: OutputFormat) -> None:
    """Fail before the work rather than after it."""
    need = bytes_needed(output, (source.num_samples or 0) * source.channels, len(plan.wanted))
    free = shutil.disk_usage(folder).free
    if output.container == "wav" and need > free:
        raise AudioError(
            f"the stems of '{source.name}' take {need / 1e6:.0f} MB and '{folder.parent}' has "
            f"{free / 1e6:.0f} MB left: make room or choose another folder"
        )


def _publish(folder: Path, song: Path) -> None:
    """Give the finished stems their final names, and take away those of an earlier run that this one has not."""
    if not song.exists():
        folder.rename(song)
        return
    files = _files_of(_read_manifest(folder))
    stale = set(_files_of(_read_manifest(song))) - set(files)
    (song / MANIFEST).unlink(missing_ok=True)  # from here until the end the folder does not claim to be whole
    for file in files:
        (song / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder / file, song / file)
    for file in stale:
        if (song / file).resolve().is_relative_to(song.resolve()):  # whoever wrote that manifest
            (song / file).unlink(missing_ok=True)
    os.replace(folder / MANIFEST, song / MANIFEST)


def _read_manifest(song: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((song / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _files_of(manifest: dict[str, Any]) -> list[str]:
    """The stems that a manifest lists; none if it is not one of ours."""
    try:
        return [str(row["file"]) for row in manifest["nodes"]]
    except (KeyError, TypeError):
        return []
