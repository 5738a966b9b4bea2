"""Files of this repository that pages name must be there, and commands of the results must exist."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    str(page.relative_to(REPOSITORY)) for page in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
)
NAMED = re.compile(r"(?<![\w/.-])((?:benchmarks|recipes|configs|examples|tests|docs)/[\w./*-]*\w)")


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page: str) -> None:
    for name in NAMED.findall((REPOSITORY / page).read_text("utf-8")):
        assert any(REPOSITORY.glob(name)), f"{page} names '{name}', which is not there"
