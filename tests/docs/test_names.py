"""Modules, classes and functions that pages name must be there."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "src" / "stemtree"
NAME = re.compile(r"`([a-z_]+(?:\.[A-Za-z_]+)*)`")


def cells(page: str, heading: str, column: int) -> Iterator[str]:
    """One column of all tables of a page in which it has this heading."""
    inside = False
    for line in (REPOSITORY / page).read_text("utf-8").splitlines():
        row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        inside = bool(row) and (inside or row[column] == heading)
        if inside:
            yield row[column]


def named() -> Iterator[str]:
    """Names below the package, as its glossary and its table of splitters give them."""
    for cell in cells("docs/concepts.md", "in the code", 3):
        yield from NAME.findall(cell)
    for cell in cells("docs/guides/separate.md", "in `stemtree.separation.splitters`", 0):
        if "stemtree" not in cell:
            yield from (f"separation.splitters.{name}" for name in NAME.findall(cell))


NAMES = sorted(set(named()))


def test_names_are_found() -> None:
    assert len(NAMES) > 60


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name: str) -> None:
    *rooms, last = name.split(".")
    place, owner = SOURCES.joinpath(*rooms), SOURCES.joinpath(*rooms).with_suffix(".py")
    if (place / last).is_dir() or (place / f"{last}.py").is_file():
        return
    if owner.is_file():
        assert re.search(rf"^(?:class |def )?{last}\b", owner.read_text("utf-8"), re.MULTILINE)
    else:  # a method
        module = importlib.import_module(".".join(("stemtree", *rooms[:-1])))
        assert hasattr(getattr(module, rooms[-1]), last)
