"""Spoilt MIDI files are read, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from support.fuzz import Edit, Originals, edited, edits, fuzzed, only_sentences, spoilt_file
from support.midi import DRUMS, write_midi

from stemtree.rendering.arrange import double, redraw, vary
from stemtree.rendering.midi import cut_out, duration_of, read_parts


@pytest.fixture(scope="module")
def midi(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals({"midi": write_midi(tmp_path_factory.mktemp("midi") / "a.mid", [0, 33, DRUMS]).read_bytes()})


@fuzzed(80)
@given(edits())
def test_midi(tmp_path: Path, midi: Originals, changes: list[Edit]) -> None:
    with spoilt_file(tmp_path, "song.mid", edited(midi["midi"], changes)) as file, only_sentences():
        parts = read_parts(file)
        assert duration_of(parts) > 0
        cut_out(parts, 0.5, 1.5)
        random = np.random.default_rng(0)
        vary(double(redraw(parts, random), random), random)
