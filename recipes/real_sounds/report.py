"""Tables of a corpus of real sounds and of what a model reaches: hours by leaf and licence, improvements by node."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import polars as pl
import soundfile

from stemtree.corpora.layout import read_metadata
from stemtree.hierarchy import load

LEARNED = ("own", "stems", "real", "bands", "synths")
"""The corpora that `make.py` makes to learn from."""

Runner = Callable[..., object]
"""What runs `stemtree` with some words."""


def hours_by_licence(data: Path, licence_of: dict[str, str]) -> dict[str, dict[str, float]]:
    """Hours of stems of the corpora `LEARNED`: of each leaf, by licence."""
    ms21 = load("ms21")
    hours: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for file in (file for name in LEARNED for file in data.glob(f"{name}/train/*/metadata.yaml")):
        for name, stem in read_metadata(file)["stems"].items():
            licence = licence_of.get(stem["plugin_name"].partition(":")[0], "?")
            for audio in (file.parent / "stems").glob(f"{name}.*"):
                leaf = ms21.leaf(stem["midi_program_name"]).rpartition("/")[2]
                hours[leaf][licence] += soundfile.info(audio).duration / 3600
    for file in (file for name in LEARNED for file in data.glob(f"{name}/train/*/90_*.flac")):
        hours[file.stem[3:]]["recorded stems"] += soundfile.info(file).duration / 3600
    return {leaf: {name: round(of[name], 3) for name in sorted(of)} for leaf, of in sorted(hours.items())}


def as_table(hours: dict[str, dict[str, float]]) -> str:
    """The same as Markdown."""
    licences = sorted({licence for of in hours.values() for licence in of})
    rows = [["leaf", *licences], ["---"] * (1 + len(licences))]
    rows += [[leaf, *(f"{of.get(name, 0):.2f}" for name in licences)] for leaf, of in hours.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def measure(model: str, out: Path, openmsx: Path | None, run: Runner, sample: int | None) -> None:
    """Print families, instruments and every node's mean SI-SDR improvement on songs and sounds that are kept."""
    kept = {"unheard": "slakh", "unheard_clean": "slakh", "unheard_stems": "folder", "unheard_synths": "slakh"}
    corpora = [(out / "data" / name, kind, "validation") for name, kind in kept.items()]
    corpora += [(openmsx, "slakh", "test")] if openmsx else []
    place = out / "measured" / re.sub(r"[^A-Za-z0-9]+", "_", model).strip("_")
    place.mkdir(parents=True, exist_ok=True)
    table: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    names = []
    for corpus, kind, split in corpora:
        if not corpus.is_dir():
            continue
        names.append(corpus.name)
        file = place / f"{corpus.name}.parquet"
        of_corpus = ("--corpus", corpus, "--kind", kind, "--split", split, "--hierarchy", "ms21", "--skip-bad")
        some = ("--root", "accompaniment", *(("--sample", sample) if sample else ()))
        run("evaluate", model, *of_corpus, *some, "--stereo", "--no-bss", "--workers", 1, "-o", file)
        rows = pl.read_parquet(file).filter((pl.col("status") == "counted") & pl.col("si_sdr_improvement").is_finite())
        for node, mean, count in _means(rows).iter_rows():
            table[node][corpus.name] = (mean, count)
    print(f"| node | {' | '.join(names)} |\n|{'---|' * (1 + len(names))}")
    for node, of in sorted(table.items()):
        print(f"| {node} | {' | '.join('{:.2f} ({})'.format(*of[name]) if name in of else '' for name in names)} |")


def _means(rows: pl.DataFrame) -> pl.DataFrame:
    """Mean improvement and number of chunks: over families, over instruments (leaves, bass too), and of each node."""
    families = rows.filter(pl.col("node").str.count_matches("/") == 1).with_columns(node=pl.lit("families"))
    instruments = rows.filter(pl.col("node").is_in(load("ms21").leaves())).with_columns(node=pl.lit("instruments"))
    every = pl.concat([families, instruments, rows])
    return every.group_by("node").agg(pl.col("si_sdr_improvement").mean(), pl.len())
