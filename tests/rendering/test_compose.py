import shutil
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from stemtree.errors import CorpusError, OptionError
from stemtree.hierarchy import load
from stemtree.rendering import compose
from stemtree.rendering.arrange import bass_programs, melody_classes
from stemtree.rendering.compose import compose_songs
from stemtree.rendering.midi import read_parts

needs_mma = pytest.mark.skipif(shutil.which("mma") is None, reason="MMA is not installed (Debian: mma)")


@needs_mma
def test_songs_have_a_band_and_a_melody_that_it_lacks(tmp_path: Path) -> None:
    ms21 = load("ms21")
    files = compose_songs(6, tmp_path, seed=1)
    assert [file.name for file in files] == [f"song_{n:05}.mid" for n in range(6)]
    for file in files:
        parts = read_parts(file)
        melodies = [part for part in parts if part.instrument.name == "Melody"]
        bands = [part for part in parts if part.instrument.name != "Melody"]
        band = {ms21.leaf(part.name) for part in bands}
        assert len(bands) >= 2 and 1 <= len(melodies) <= 2
        for melody in melodies:
            assert ms21.leaf(melody.name) in melody_classes() and ms21.leaf(melody.name) not in band
            assert min(note.pitch for note in melody.instrument.notes) >= 12 * 4
        song = pretty_midi.PrettyMIDI(str(file))
        assert 20 < song.get_end_time() < 240
        ends = [max(note.end for part in kind for note in part.instrument.notes) for kind in (melodies, bands)]
        assert ends[0] <= ends[1] + 5  # a chord may stop before its bar does


@needs_mma
def test_the_seed_decides_whatever_the_workers_and_the_number(tmp_path: Path) -> None:
    one = compose_songs(3, tmp_path / "one", seed=4, workers=1)
    two = compose_songs(2, tmp_path / "two", seed=4, workers=2)
    assert [file.read_bytes() for file in one[:2]] == [file.read_bytes() for file in two]
    other = compose_songs(1, tmp_path / "other", seed=5)
    assert other[0].read_bytes() != one[0].read_bytes()
    before = one[0].stat().st_mtime_ns
    compose_songs(3, tmp_path / "one", seed=4)
    assert one[0].stat().st_mtime_ns == before
    with pytest.raises(OptionError, match="one' holds songs of the seed 4, not 5: give that, or another folder"):
        compose_songs(4, tmp_path / "one", seed=5)
    (tmp_path / "one" / "composed.yaml").unlink()
    with pytest.raises(OptionError, match="one' holds songs of an unknown seed: give another folder"):
        compose_songs(4, tmp_path / "one", seed=4)


@needs_mma
def test_a_style_that_never_ends_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "_TIMEOUT", 1e-6)
    with pytest.raises(CorpusError, match="MMA cannot play a song in any of 10 styles"):
        compose_songs(1, tmp_path)


def test_a_low_line_without_a_bass_gets_one() -> None:
    def band(*parts: tuple[str, int, int]) -> pretty_midi.PrettyMIDI:
        song = pretty_midi.PrettyMIDI()
        for name, program, pitch in parts:
            part = pretty_midi.Instrument(program, name=name)
            part.notes.append(pretty_midi.Note(90, pitch, 0, 1))
            song.instruments.append(part)
        compose._add_bass(song, np.random.default_rng(0))
        return song

    guitars = [part.program for part in band(("Bass", 26, 35), ("Bass-Sus", 48, 60), ("Chord", 26, 40)).instruments]
    assert guitars[0] in bass_programs() and guitars[1:] == [48, 26]
    assert [part.program for part in band(("Walk", 33, 35), ("Bass", 26, 35)).instruments] == [33, 26]


def test_melodies_fit_the_chord_that_is_played() -> None:
    """In C minor the dominant is G major, whose B the scale has not; A flat major is in the scale."""
    song = pretty_midi.PrettyMIDI(initial_tempo=120)
    song.instruments.append(pretty_midi.Instrument(0))
    song.instruments[0].notes.append(pretty_midi.Note(90, 48, 0, 100))
    for degree, triad, scale in ((4, {7, 11, 2}, {0, 2, 3, 5, 7, 8, 11}), (5, {8, 0, 3}, {0, 2, 3, 5, 7, 8, 10})):
        harmony = [compose._harmony(degree, 0, "minor")] * 40
        notes = compose._draw_melody(song, "accompaniment/other/brass", harmony, np.random.default_rng(0)).notes
        assert {note.pitch % 12 for note in notes} == scale
        firsts = {note.pitch % 12 for note in notes if note.start % 2 == 0}  # a bar is 2 s
        assert firsts == triad
    for degree in range(7):  # major has no such tone
        assert compose._harmony(degree, 0, "major")[1] == {0, 2, 4, 5, 7, 9, 11}


def test_without_mma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    compose._grooves.cache_clear()
    with pytest.raises(CorpusError, match=r"composing needs MMA, .* install it \(Debian: mma\)"):
        compose_songs(1, tmp_path)
    compose._grooves.cache_clear()
    with pytest.raises(OptionError, match="0 songs cannot be composed"):
        compose_songs(0, tmp_path)
    with pytest.raises(OptionError, match="the seed -1 cannot be"):
        compose_songs(1, tmp_path, seed=-1)
    with pytest.raises(OptionError, match="-1 workers cannot be"):
        compose_songs(1, tmp_path, workers=-1)
