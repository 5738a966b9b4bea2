"""Separated songs made up for the tests: stems that are known, and the ``tree.json`` that belongs to them."""

import base64
import io
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from stemtree.audio import LOSSY, OutputFormat, StemWriter

MS21 = {
    "vocal": {},
    "accompaniment": {"bass": {}, "percussion": {"drum_set": {}, "nontonal_percussion": {}}, "other": {"pianos": {}}},
}
SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT"}


def leaves_of(tree: Mapping[str, Any], path: str = "") -> list[str]:
    if not tree:
        return [path]
    return [leaf for name, child in tree.items() for leaf in leaves_of(child, f"{path}/{name}" if path else name)]


def paths_of(tree: Mapping[str, Any], path: str = "") -> list[str]:
    found = []
    for name, child in tree.items():
        below = f"{path}/{name}" if path else name
        found += [below, *paths_of(child, below)]
    return found


def level_of(tree: Mapping[str, Any]) -> int:
    return 1 + max(map(level_of, tree.values()), default=0)


def node_of(tree: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    for name in path.split("/"):
        tree = tree[name]
    return tree


def noise(leaf: int, num_samples: int, channels: int, bits: int = 16) -> np.ndarray:
    """``(sample, channel)`` whole steps: noise that is louder for some leaves than for others."""
    most = 2 ** (bits - 1) // (8 + 8 * leaf)
    return np.random.default_rng(leaf).integers(-most, most, (num_samples, channels))


def make_song(
    folder: Path,
    tree: Mapping[str, Any] = MS21,
    *,
    num_samples: int = 30000,
    rate: int = 8000,
    channels: int = 2,
    subtype: str = "pcm16",
    container: str = "wav",
    wanted: list[str] | None = None,
    signal: Callable[[int, int, int], np.ndarray] | None = None,
    title: str = "A song",
) -> dict[str, np.ndarray]:
    """Write a separated song and return the steps of every node, ``(sample, channel)``; of the mixture as ``""``."""
    bits = {"pcm16": 16, "pcm24": 24, "float": 24}[subtype]
    scale = 2.0 ** (bits - 1)
    leaves = leaves_of(tree)
    make = signal or (lambda leaf, count, width: noise(leaf, count, width, bits))
    nodes = {leaf: np.asarray(make(number, num_samples, channels)) for number, leaf in enumerate(leaves)}
    for path in ["", *paths_of(tree)]:
        below = [leaf for leaf in leaves if not path or leaf == path or leaf.startswith(f"{path}/")]
        nodes[path] = sum((nodes[leaf] for leaf in below), np.zeros((num_samples, channels), np.int64))
    energy = float(np.sum(np.square(nodes[""] / scale)))
    rows = []
    for path in wanted or paths_of(tree):
        signal_of = nodes[path] / scale
        file = folder / f"{path}.{container}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if container in LOSSY:
            with StemWriter(file, OutputFormat(container), rate, channels) as writer:
                writer.write(signal_of.T.astype(np.float32))
        elif subtype == "float":
            soundfile.write(file, signal_of.astype(np.float32), rate, "FLOAT")
        else:
            whole = nodes[path].astype(np.int16) if bits == 16 else nodes[path].astype(np.int32) << 8
            soundfile.write(file, whole, rate, SUBTYPES[subtype])
        share = float(np.sum(np.square(signal_of))) / energy if energy else 0.0
        rows.append(
            {
                "path": path,
                "level": level_of(node_of(tree, path)),
                "file": file.relative_to(folder).as_posix(),
                **_loudness(signal_of),
                "held_at_full_scale": 0,
                "energy_share": round(share, 6),
                "active": share >= 1e-3,
            }
        )
    manifest = {
        "stemtree": "0.1.0",
        "hierarchy": {"name": "ms21", "tree": tree},
        "wanted": wanted or paths_of(tree),
        "splitters": [],
        "input": {"file": f"{title}.wav", "sha256": "0"},
        "sample_rate": rate,
        "channels": channels,
        "format": {"container": container, "subtype": subtype if container not in LOSSY else None},
        "samples": num_samples,
        "mixture": _loudness(nodes[""] / scale),
        "nodes": rows,
    }
    (folder / "tree.json").write_text(json.dumps(manifest, ensure_ascii=False), "utf-8")
    return nodes


def _loudness(signal: np.ndarray) -> dict[str, float | None]:
    rms, peak = math.sqrt(float(np.mean(np.square(signal)))), float(np.abs(signal).max())
    return {
        "rms_dbfs": round(20 * math.log10(rms), 2) if rms else None,
        "peak_dbfs": round(20 * math.log10(peak), 2) if peak else None,
    }


def read_call(file: Path) -> list[Any]:
    """The arguments of a script's one call."""
    text = file.read_text("ascii")
    found = re.fullmatch(r"stemtree\.\w+\((.*)\);\n", text)
    assert found and "<" not in text
    return json.loads(f"[{found[1]}]")


def read_packet(file: Path) -> list[bytes]:
    """The parts of a packet."""
    text = file.read_text("ascii")
    found = re.fullmatch(
        r'<!doctype html><meta charset="utf-8"><title>data</title>'
        r'<script type="text/plain" id="packet">([^<]*)</script><script src="((?:\.\./)+)packet.js"></script>\n',
        text,
    )
    assert found and (file.parent / found[2] / "packet.js").is_file()
    return [base64.b64decode(part, validate=True) for part in found[1].split("|")]


def decode(song: dict[str, Any], page: Path, leaf: int) -> np.ndarray:
    """All of a leaf in steps of its width, ``(sample, channel)``."""
    bits, parts = song["leaves"][leaf]["bits"], []
    for chunk in range(song["audio"]["chunks"]):
        leaves = read_packet(page / "data" / "audio" / f"{chunk}.html")
        length = min(song["audio"]["chunk"], song["audio"]["samples"] - chunk * song["audio"]["chunk"])
        if not leaves[leaf]:
            parts.append(np.zeros((length, song["channels"]), np.int32))
            continue
        steps, rate = soundfile.read(io.BytesIO(leaves[leaf]), dtype="int32", always_2d=True)
        assert rate == song["rate"] and len(steps) == length
        parts.append(steps >> (32 - bits))
    return np.concatenate(parts)
