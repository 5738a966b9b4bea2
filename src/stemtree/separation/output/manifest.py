"""The manifest of a separated song, ``tree.json``."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from stemtree.audio import OutputFormat
from stemtree.audio.loudness import RmsMeter
from stemtree.audio.samples import ExactSamples, PcmSamples, Samples
from stemtree.hierarchy import MIXTURE, NodePath
from stemtree.separation.output.layout import MIXES, Stem
from stemtree.separation.output.origin import Origin, describe_song
from stemtree.version import __version__

MANIFEST = "tree.json"

ACTIVE = 1e-3
"""Part of the song's energy from which on a node counts as active: 30 dB below the mixture."""

Manifest = dict[str, Any]
"""The content of ``tree.json``."""


@dataclass
class NodeStatistics:
    """What a manifest says of one node's samples, gathered block by block.

    Parameters
    ----------
    meter : RmsMeter
        Of the samples as written.
    held : int
        How many values were held at full scale or took a sibling's difference.
    checksums : list of int
        CRC-32 of each channel's samples in 32 bits; none unless they are integers, which files hold exactly.
    """

    meter: RmsMeter = field(default_factory=RmsMeter)
    held: int = 0
    checksums: list[int] = field(default_factory=list)

    def add(self, block: ExactSamples | Samples | PcmSamples, full_scale: float = 1.0) -> None:
        """Add the next ``(channel, sample)`` block, as it is written."""
        self.meter.add(block, full_scale)
        if np.issubdtype(block.dtype, np.integer):
            so_far = self.checksums or [0] * len(block)  # by channel: interleaving would take longer than the sums
            rows = np.ascontiguousarray(block, "<i4")
            self.checksums = [crc32(row.data, checksum) for row, checksum in zip(rows, so_far, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """RMS and peak in dBFS to 0.01 dB, None (JSON has no infinity) for silence; `held`; the checksums, if any."""
        loudness = {"rms_dbfs": self.meter.rms_dbfs, "peak_dbfs": self.meter.peak_dbfs}
        rounded = {key: round(value, 2) + 0.0 if math.isfinite(value) else None for key, value in loudness.items()}
        checksums = {"crc32": [f"{checksum:08x}" for checksum in self.checksums]} if self.checksums else {}
        return rounded | {"held_at_full_scale": self.held} | checksums


def describe_inputs(origin: Origin, output: OutputFormat, nodes: Sequence[NodePath]) -> Manifest:
    """The entries of a manifest that determine the stems of these nodes: version, tree, splitters, input, format."""
    return {
        "stemtree": __version__,
        "hierarchy": {"name": origin.tree.name, "tree": origin.tree.as_dict()},
        "wanted": list(nodes),
        "splitters": list(origin.splitters),
        "split_by": dict(origin.split_by),
        "input": describe_song(origin),
        "sample_rate": origin.source.sample_rate,
        "channels": origin.source.channels,
        "format": {"container": output.container, "subtype": output.width}
        | ({"bitrate": output.bitrate} if output.bitrate else {}),
    }


def describe_stems(files: Mapping[Stem, str], statistics: Mapping[Stem, NodeStatistics], channels: int) -> Manifest:
    """The entries of a manifest that the stems determine: length, loudness, energies.

    Parameters
    ----------
    files : mapping of Stem to str
        The file within the song's folder of each stem that was written.
    statistics : mapping of Stem to NodeStatistics
        Of the mixture and of every stem.
    channels : int
        Of the song.
    """
    mixture = statistics[MIXTURE].meter
    nodes: list[dict[str, Any]] = []
    mixes: dict[str, list[dict[str, Any]]] = {key: [] for key in MIXES}
    for stem, file in files.items():
        energy_share = round(statistics[stem].meter.energy / mixture.energy, 6) if mixture.energy else 0.0
        row = {"file": file, **statistics[stem].as_dict(), "energy_share": energy_share}
        if isinstance(stem, str):
            nodes.append({"path": stem} | row | {"active": energy_share >= ACTIVE})
        else:
            key = next(key for key, kind in MIXES.items() if isinstance(stem, kind))
            mixes[key].append({"nodes": list(stem.nodes)} | row)
    manifest = {"samples": mixture.num_values // channels, "mixture": statistics[MIXTURE].as_dict(), "nodes": nodes}
    return manifest | {key: rows for key, rows in mixes.items() if rows}


def write_manifest(manifest: Manifest, folder: Path, name: str = MANIFEST) -> None:
    """Write ``tree.json`` into a song's folder, or under another name into one that songs share."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / name).write_text(text, "utf-8", "backslashreplace")  # names that are not UTF-8 become JSON's escapes


def read_manifest(folder: Path, name: str = MANIFEST) -> Manifest | None:
    """Read ``tree.json`` of a song's folder; None if there is none, empty if it is no JSON object or not to be read."""
    file = folder / name
    try:
        manifest = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        return {}
    except OSError:
        return {} if os.path.lexists(file) else None  # such as in a folder whose name is too long
    return manifest if isinstance(manifest, dict) else {}


def without_names(entry: Any) -> Any:
    """An entry of a manifest without the names of files, for comparing: what files hold is told by their checksums."""
    if isinstance(entry, dict):
        return {key: without_names(value) for key, value in entry.items() if key != "file"}
    return [without_names(value) for value in entry] if isinstance(entry, list) else entry
