"""Files of this repository that pages name must be there."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    str(page.relative_to(REPOSITORY)) for page in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
)
SOURCES = REPOSITORY / "src" / "stemtree"
ROOMS = "|".join(sorted(folder.name for folder in SOURCES.iterdir() if folder.is_dir()))
NAMED = re.compile(r"(?<![\w/.-])((?:benchmarks|recipes|configs|examples|tests|docs)/[\w./*-]*\w)")


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    for name in NAMED.findall((REPOSITORY / page).read_text("utf-8")):
        assert any(REPOSITORY.glob(name)), f"{page} names '{name}', which is not there"


def test_rooms_and_modules_that_contributing_names_exist() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    names = re.findall(rf"`((?:{ROOMS})/[\w./*-]*|\w+\.py)`", text)
    assert len(names) > 30
    for name in names:
        assert any(SOURCES.glob(name.rstrip("/"))) or any(SOURCES.rglob(name)), f"CONTRIBUTING.md names '{name}'"
