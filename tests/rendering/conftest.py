from pathlib import Path

import pytest
from support.midi import write_midi

from stemtree.rendering.midi import DRUMS


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    return write_midi(tmp_path / "song.mid", [0, 33, 73, DRUMS])
