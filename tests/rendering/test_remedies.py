"""What the messages of rendering advise helps: each remedy is tried."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.midi import needs_fluidsynth, render_settings, write_midi

from stemtree.errors import CorpusError, OptionError
from stemtree.rendering import render
from stemtree.rendering.render import render_corpus
from stemtree.rendering.settings import RenderSettings, check_seed, worker_count


@pytest.mark.parametrize(
    ("wrong", "message", "remedy"),
    [
        ({"takes": 0}, "give 1 or more", {"takes": 1}),
        ({"excerpt": 0.0}, "give more than 0", {"excerpt": 0.1}),
        ({"container": "mp3"}, "give wav or flac", {"container": "flac"}),
        ({"redraw_bass": True}, "give --redraw too", {"redraw_bass": True, "redraw": True}),
        ({"sample_rate": 7999}, "give 8000 to 96000", {"sample_rate": 8000}),
        ({"sample_rate": 192000}, "give 8000 to 96000", {"sample_rate": 96000}),
        ({"sample_rate": 72345, "container": "flac"}, "choose wav", {"sample_rate": 72345, "container": "wav"}),
        ({"split": "trian"}, "did you mean train?", {"split": "train"}),
        ({"seed": -1}, "give 0 or more", {"seed": 0}),
    ],
)
def test_settings(wrong: dict[str, Any], message: str, remedy: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        render_settings(**wrong)
    render_settings(**remedy)


def test_numbers() -> None:
    with pytest.raises(OptionError, match="give one with --soundfont"):
        RenderSettings(())
    for count in (0, -1):
        with pytest.raises(OptionError, match="give 1 or more"):
            worker_count(count)
    with pytest.raises(OptionError, match="give 0 or more"):
        check_seed(-1)
    assert worker_count(1) == 1
    check_seed(0)


@needs_fluidsynth
def test_folders_and_names(midi: Path, tmp_path: Path) -> None:
    root, other = tmp_path / "c", write_midi(tmp_path / "other.mid", [0])
    assert render_corpus([midi], root, render_settings(container="flac"), workers=1) == []
    for wrong, message in (
        ({"seed": 1}, "not 1: give that, or another folder"),
        ({"sample_rate": 8000}, "give that, or another folder"),
    ):
        with pytest.raises(OptionError, match=message):
            render_corpus([midi], root, render_settings(container="flac", **wrong), workers=1)
    with pytest.raises(OptionError, match="not 8000 Hz stereo: give that, or another folder"):
        render_corpus([other], root, render_settings(sample_rate=8000), workers=1)
    render._check_alike(tmp_path / "another", render_settings(sample_rate=8000))
    render._check_alike(root, render_settings())
    (tmp_path / "twin").mkdir()
    twin = midi.rename(tmp_path / "twin" / "other.mid")
    with pytest.raises(CorpusError, match="would both become the song 'other': rename one"):
        render._takes([twin, other], tmp_path / "twins", render_settings())
    assert len(render._takes([twin.with_name("renamed.mid"), other], tmp_path / "twins", render_settings())) == 2
