"""The table of labels: label → one of 14 instruments, or none."""

from functools import cache
from importlib import resources

import yaml

UNUSED, AMBIENT = "Unused", "Ambient_Microphone"


@cache
def instruments() -> dict[str, str | None]:
    """The instrument of every label; None for those that go into no stem."""
    data = yaml.safe_load((resources.files("stemtree.curation.annotation") / "labels.yaml").read_text("utf-8"))
    table: dict[str, str | None] = {
        label: instrument for instrument, labels in data["instruments"].items() for label in labels
    }
    return table | dict.fromkeys(data["set_aside"])
