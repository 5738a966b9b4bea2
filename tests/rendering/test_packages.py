import sys
from pathlib import Path

import pytest
from support.midi import needs_fluidsynth, render_settings

from stemtree.rendering.players import player
from stemtree.rendering.render import Take, _render_take

pytestmark = needs_fluidsynth


@pytest.mark.parametrize("name", ["pretty_midi", "fluidsynth", "pyloudnorm"])
def test_without_the_extra(name: str, midi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    player.cache_clear()
    problem = _render_take(Take(midi, 0, tmp_path / "c" / "song", render_settings()))
    assert problem is not None and f"need {name}: `pip install 'stemtree[render]'`" in problem.message
