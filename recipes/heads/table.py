"""Print the results of `run.sh` as Markdown tables.

python recipes/heads/table.py OUT
"""

import argparse
import json
from pathlib import Path

import polars as pl

from stemtree.model_files import card_file

FAMILIES = ("accompaniment/bass", "accompaniment/percussion", "accompaniment/other")


def measured(rows: pl.DataFrame) -> dict[str, float]:
    """Average the SI-SDR improvement of families, of leaves and of each node, and the loudness of absent leaves."""
    counted = rows.filter((pl.col("status") == "counted") & pl.col("si_sdr_improvement").is_finite())
    leaves = [
        node
        for node in rows["node"].unique()
        if not any(other.startswith(f"{node}/") for other in rows["node"].unique())
    ]
    mean = pl.col("si_sdr_improvement").mean()
    figures = {
        "families": counted.filter(pl.col("node").is_in(FAMILIES)).select(mean).item(),
        "instruments": counted.filter(pl.col("node").is_in(leaves)).select(mean).item(),
        "absent": rows.filter((pl.col("status") == "absent") & pl.col("node").is_in(leaves))
        .select(pl.col("estimate_db").clip(-100).mean())
        .item(),
    }
    by_node = counted.group_by("node").agg(mean)
    return figures | {node.rpartition("/")[2]: value for node, value in by_node.iter_rows()}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="OUT")
    folder = parser.parse_args().folder
    results = {
        file.stem: measured(pl.read_parquet(file)) for file in sorted(folder.glob("*.parquet")) if file.stem != "index"
    }
    print("| run | families | instruments | absent leaves | CPU s |\n|---|---|---|---|---|")
    for name, values in results.items():
        card = card_file(folder / name)
        cpu = json.loads(card.read_text())["training"]["cpu_seconds"] if card.exists() else ""
        print(f"| {name} | {values['families']:.2f} | {values['instruments']:.2f} | {values['absent']:.1f} | {cpu} |")
    nodes = list(dict.fromkeys(node for values in results.values() for node in values))[3:]
    print(f"\n| run | {' | '.join(nodes)} |\n|---{'|---' * len(nodes)}|")
    for name, values in results.items():
        print(f"| {name} | {' | '.join(f'{values[node]:.1f}' if node in values else '' for node in nodes)} |")


if __name__ == "__main__":
    main()
