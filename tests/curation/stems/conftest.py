from pathlib import Path

import pytest
from support.multitracks import SONG, write_annotation, write_session


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder with the session ``raw/SONG`` and its ``annotation.csv``."""
    write_annotation(tmp_path / "annotation.csv", write_session(tmp_path / "raw", SONG))
    return tmp_path
