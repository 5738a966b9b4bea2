"""The page on how to repeat the papers at their own size: data, commands, numbers, hours."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemtree.evaluation.levels import ALL_LEVELS
from stemtree.experiments.report.page import Page
from stemtree.experiments.report.text import decibels, table

MEASURED = "paper_size.json"
"""The file, beside the rows, with what ``benchmarks/paper_size.py`` measured."""

TERAFLOPS = 4.0
"""What a data-centre GPU is taken to reach at recurrent layers, of a peak that is several times as high."""

_BEGIN = """\
# Reproduce the papers

The same experiments at the papers' size: their corpora, networks and 100 epochs. A run is an arm with one seed.

| data | where from | in |
|---|---|---|
| Slakh2100 | [zenodo.org/records/4599666](https://zenodo.org/records/4599666) | `data/slakh2100` |
| MS21 | `stemtree curate` ([the guide](../../guides/curation/index.md)) | `data/ms21` |
| MUSDB18-HQ | [zenodo.org/records/3338373](https://zenodo.org/records/3338373) | `data/musdb18hq` |

Slakh2100 and MS21 are made 16 kHz mono WAV by `stemtree corpus resample --wav` first. On a GPU add
`--set trainer.accelerator=gpu`; several calls may share a folder, one for each GPU."""

_NUMBERS = """\
Published and ours: SI-SDR improvement over all levels, in dB; ours on other songs, with a small network that trained
for minutes: see [what it decides](index.md)."""


def reproduce(made: Sequence[Page], rows: Path) -> str:
    """Write the page; a row for each published number.

    Parameters
    ----------
    made : sequence of Page
        Of the experiments.
    rows : pathlib.Path
        Folder of the rows, where `MEASURED` may be.
    """
    file = rows / MEASURED
    measured: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    lines = []
    for page in made:
        for published in page.experiment.published:
            if published.arm == "mixture":
                continue
            ours = page.main.arms.get(published.arm, {}).get(ALL_LEVELS) if page.main else None
            entry = measured.get("arms", {}).get(f"{page.name} {published.arm}")
            lines.append(
                [
                    published.where,
                    f"`{published.arm}`",
                    decibels(published.values[0]),
                    decibels(ours.mean) if ours else "",
                    f"`stemtree experiment run {page.name} --size paper`",
                    f"{_hours(entry):.1f}" if entry else "",
                ]
            )
    heads = ["source", "arm", "published", f"ours, `{made[0].size}`" if made else "ours", "command", "GPU hours a run"]
    parts = [_BEGIN, table(heads, lines), _NUMBERS]
    if "full_step" in measured:
        parts.append(_cost(measured))
    return "\n\n".join(parts)


def _hours(entry: Mapping[str, float]) -> float:
    return entry["operations"] / (TERAFLOPS * 1e12) / 3600


def _cost(measured: Mapping[str, Any]) -> str:
    """What the hours are, and what was tried here."""
    step = measured["full_step"]
    hours = step["seconds"] * measured["steps"] / 3600
    return (
        f"GPU hours are an estimate, nobody has measured them: the multiplications of all steps and {TERAFLOPS:g} "
        "Tflop/s, which a data-centre GPU is taken to reach at recurrent layers. What was measured, on one thread of a "
        f"CPU: each of {len(measured['arms'])} arms was built at this size and made two steps; a whole step of "
        f"{step['batch']} examples of `{step['arm']}` took {step['seconds']:.0f} s, so that its "
        f"{measured['steps']} steps would take {hours:.0f} CPU hours."
    )
