"""What the glossary says where something is must be there."""

import importlib
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "src" / "stemtree"
GLOSSARY = (REPOSITORY / "docs" / "concepts.md").read_text("utf-8")
PLACES = sorted(
    {
        name
        for line in GLOSSARY.splitlines()
        if line.startswith("| ")
        for name in re.findall(r"`([a-z_.]+(?:\.[A-Za-z_]+)?)`", line.rpartition(" | ")[2])
    }
)


def test_places_are_found() -> None:
    assert len(PLACES) > 60


@pytest.mark.parametrize("place", PLACES)
def test_place_exists(place: str) -> None:
    names = place.split(".")
    module = SOURCES.joinpath(*names)
    if module.is_dir() or module.with_suffix(".py").is_file():
        return
    *rooms, name = names
    owner = SOURCES.joinpath(*rooms).with_suffix(".py")
    if owner.is_file():
        assert re.search(rf"^(?:class |def |type )?{name}\b", owner.read_text("utf-8"), re.MULTILINE)
    else:  # a method
        module = importlib.import_module(".".join(("stemtree", *rooms[:-1])))
        assert hasattr(getattr(module, rooms[-1]), name)
