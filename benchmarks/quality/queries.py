"""Print what is measured of the page on queries, docs/results/query.md; its other words are written by hand.

    python benchmarks/quality/queries.py MODEL LEVELS.parquet TREES.parquet --other OTHER.parquet

MODEL is the folder of a model that takes queries. The rows are those of `COMMANDS`, which the page prints: songs of
openttd-openmsx with TimGM6mb, neither in training, rendered by `stemtree corpus render`. TREES.leaves.parquet lies
beside TREES.parquet. OTHER has the answers to wrong examples: where they are as good as those to the right ones, the
network does without its example. Of all chunks and songs they take about 20 minutes of CPU time each.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stemtree.evaluation.found_leaves import found_figures
from stemtree.model_files import card_file, weights_file

MODEL = "src/stemtree/separation/splitters/query_model"
CORPUS = "--corpus data/openmsx --kind slakh --skip-bad --stereo"
COMMANDS = {
    "levels": f"stemtree evaluate {MODEL} {CORPUS} --hierarchy slakh --depth 3 --no-bss -o levels.parquet",
    "trees": f"stemtree evaluate query-tree {CORPUS} -o trees.parquet",
    "other": f"stemtree evaluate {MODEL} {CORPUS} --hierarchy slakh --depth 3 --no-bss --sample 40 --query other "
    "-o other.parquet",
}
"""What measures the rows."""

ASKED = {3: (4.0, 3.3), 2: (3.0, 2.1), 1: (2.5, 1.6)}
"""For each level: what is asked for, and what the poster reaches on Slakh, in dB."""

F1_ASKED = 0.75
NAMES = {3: "families of families (level 3)", 2: "families (level 2)", 1: "instruments (level 1)"}


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that were measured and have a figure."""
    return rows.filter((pl.col("status") == "counted") & pl.col("si_sdr_improvement").is_finite())


def level_means(rows: pl.DataFrame) -> dict[int, tuple[float, int]]:
    """Mean SI-SDR improvement of each level and the number of rows that it is the mean of."""
    means = counted(rows).group_by("level").agg(pl.col("si_sdr_improvement").mean(), pl.len().alias("chunks"))
    return {level: (mean, chunks) for level, mean, chunks in means.iter_rows()}


def decibels(figure: float | None) -> str:
    """With a true minus sign; empty for none."""
    return "" if figure is None else f"{round(figure, 1) + 0:.1f}".replace("-", "\N{MINUS SIGN}")


def share(figure: float | None) -> str:
    """Two digits; empty for none."""
    return "" if figure is None else f"{figure:.2f}"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)


def reached(levels: pl.DataFrame, leaves: pl.DataFrame, other: pl.DataFrame | None) -> Iterator[str]:
    """What was asked for and what was measured."""
    right, wrong = level_means(levels), level_means(other) if other is not None else {}
    rows = []
    for level, (asked, poster) in ASKED.items():
        mean, chunks = right.get(level, (None, 0))
        rows.append(
            [NAMES[level], f"≥ {asked}", decibels(mean), chunks, decibels(wrong.get(level, (None,))[0]), poster]
        )
    (overall,) = found_figures(leaves).head(1).iter_rows(named=True)
    f1 = f"{share(overall['f1'])} (precision {share(overall['precision'])}, recall {share(overall['recall'])})"
    rows.append(["tree from queries: leaves found, F1", f"≥ {F1_ASKED}", f1, leaves["track"].n_unique(), "", ""])
    yield from table(["", "asked", "measured", "answers, songs", "wrong examples", "the poster, on Slakh"], rows)


def by_instrument(levels: pl.DataFrame) -> Iterator[str]:
    """Improvement by the leaf that was asked for, the best first."""
    means = counted(levels).group_by("target", "level").agg(pl.col("si_sdr_improvement").mean(), pl.len())
    worse = counted(levels).filter(pl.col("level") == 1, pl.col("si_sdr_improvement") < 0)
    found: dict[str, dict[int, tuple[float, int]]] = {}
    for target, level, mean, chunks in means.iter_rows():
        found.setdefault(target, {})[level] = (mean, chunks)
    rows = [
        [
            target.rpartition("/")[2],
            *(decibels(of_target.get(level, (None,))[0]) for level in ASKED),
            of_target.get(1, (None, 0))[1],
            worse.filter(target=target).height,
        ]
        for target, of_target in sorted(found.items(), key=lambda one: -one[1].get(1, (-99.0, 0))[0])
    ]
    yield from table(["instrument", "level 3", "level 2", "level 1", "answers", "worse than the mixture"], rows)


def by_leaf(leaves: pl.DataFrame) -> Iterator[str]:
    """Which leaves of trees were found."""
    rows = [
        [row["name"].rpartition("/")[2], row["there"], row["found"], row["right"], share(row["f1"])]
        for row in found_figures(leaves).iter_rows(named=True)
    ]
    yield from table(["leaf", "songs with it", "found in", "both", "F1"], rows)


def about(card: dict[str, Any], weights: Path) -> Iterator[str]:
    """What the model is."""
    stft, size = card["stft"], weights.stat().st_size / 1e6
    facts = [
        ["network", f"`{card['network']['kind']}`, {size:.1f} MB"],
        ["relation", f"`{card['relation']['kind']}`"],
        ["transform", f"{stft['window']}/{stft['hop']} at {stft['sample_rate'] / 1000:g} kHz"],
        ["instruments", len(card.get("training", {}).get("targets", ()))],
    ]
    if card["network"].get("named"):
        facts.append(["a leaf is there", "by how loud the network's leaves are in the song"])
    elif card.get("present_db"):
        facts.append(["a leaf is there from", f"{decibels(card['present_db'])} dB relative to the song"])
    yield from table(["", ""], facts)


PAGE = """# Queries

What `stemtree query` reaches with the model that comes along.

{about}

## What it reaches

```sh
{commands}
```

From the mixture of openttd-openmsx's songs, played with TimGM6mb; neither is in training. The example of an instrument
is a chunk of another of these songs. SI-SDR improvement in dB, mean over chunks of 10 s; families count once for each
of their instruments that is asked for. Wrong examples are those of an instrument of another family (`--query other`, 40
chunks).

{reached}

### Instruments

{instruments}

### Trees from queries

All instruments that the model knows are asked for, with examples from other songs. An instrument is in a song where it
is salient in some chunk of 10 s.

{leaves}
"""


def page(model: Path, levels: pl.DataFrame, trees: Path, other: pl.DataFrame | None = None) -> str:
    """Write the whole page.

    Parameters
    ----------
    model : pathlib.Path
        Its folder.
    levels : polars.DataFrame
        Rows of answers to examples from other songs.
    trees : pathlib.Path
        Rows of trees; those of leaves lie beside it.
    other : polars.DataFrame, optional
        Rows of answers to wrong examples.
    """
    leaves, nodes = pl.read_parquet(trees.with_suffix(".leaves.parquet")), level_means(pl.read_parquet(trees))
    commands = [COMMANDS["levels"], COMMANDS["trees"], *([] if other is None else [COMMANDS["other"]])]
    text = PAGE.format(
        about="\n".join(about(json.loads(card_file(model).read_text("utf-8")), weights_file(model))),
        commands="\n".join(commands),
        reached="\n".join(reached(levels, leaves, other)),
        instruments="\n".join(by_instrument(levels)),
        leaves="\n".join(by_leaf(leaves)),
    )
    if nodes:
        gains = ", ".join(f"{NAMES[level]} {decibels(nodes[level][0])}" for level in ASKED if level in nodes)
        text += f"\nNodes of these trees, where both they and their estimates are heard, gain in dB: {gains}.\n"
    return text


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("levels", type=Path)
    parser.add_argument("trees", type=Path)
    parser.add_argument("--other", type=Path)
    options = parser.parse_args()
    other = pl.read_parquet(options.other) if options.other else None
    print(page(options.model, pl.read_parquet(options.levels), options.trees, other), end="")


if __name__ == "__main__":
    main()
