"""The table of labels: each label with one of 14 instruments, or none."""

from functools import cache
from importlib import resources

import yaml


@cache
def instrument_by_label() -> dict[str, str | None]:
    """The instrument of every label; None for labels of tracks that are in no stem."""
    data = yaml.safe_load((resources.files("stemtree.curation.annotation") / "labels.yaml").read_text("utf-8"))
    table: dict[str, str | None] = {
        label: instrument for instrument, labels in data["instruments"].items() for label in labels
    }
    return table | dict.fromkeys(data["set_aside"])
