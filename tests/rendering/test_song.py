from pathlib import Path

import numpy as np
import pretty_midi
import pyloudnorm
import pytest
import soundfile
import yaml
from support.midi import RATE, needs_fluidsynth, render_settings

from stemtree.corpora.check import check_corpus
from stemtree.rendering.midi import DRUMS
from stemtree.rendering.render import render_corpus

pytestmark = needs_fluidsynth


def test_slakhs_layout_levels_and_sums(midi: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    assert render_corpus([midi], root, render_settings(split="train"), workers=1) == []
    corpus = check_corpus(root, "slakh", "ms21")
    assert corpus.problems == ()
    (track,) = corpus.tracks
    assert (track.id, track.split, track.sample_rate) == ("song", "train", RATE)
    assert track.duration == pytest.approx(3.9 + 2, abs=0.01)
    assert [stem.leaf.rpartition("/")[2] for stem in track.stems] == ["pianos", "bass", "woodwinds", "drum_set"]

    place = root / "train" / "song"
    metadata = yaml.safe_load((place / "metadata.yaml").read_text())
    assert {"UUID", "normalization_factor", "normalized", "overall_gain", "target_peak", "stems"} <= set(metadata)
    assert metadata["stems"]["S03"]["is_drum"] and metadata["stems"]["S03"]["program_num"] == DRUMS
    assert metadata["stems"]["S00"]["plugin_name"].startswith("TimGM6mb.sf2:0:0 ")
    audio = {name: soundfile.read(place / "stems" / f"{name}.wav")[0] for name in metadata["stems"]}
    mix = soundfile.read(place / "mix.wav")[0]
    assert np.array_equal(mix, sum(audio.values()))  # to the bit
    assert np.abs(mix).max() <= 10 ** (-1 / 20) + 1e-3
    expected = -13 + 20 * np.log10(metadata["overall_gain"])
    for samples in audio.values():
        assert pyloudnorm.Meter(RATE).integrated_loudness(samples) == pytest.approx(expected, abs=0.1)
    assert len(pretty_midi.PrettyMIDI(str(place / "MIDI" / "S01.mid")).instruments[0].notes) == 8


def test_notes_sound_when_and_as_high_as_written(tmp_path: Path) -> None:
    song = pretty_midi.PrettyMIDI()
    flute = pretty_midi.Instrument(73)
    flute.notes.append(pretty_midi.Note(100, 69, 1.0, 2.0))
    song.instruments.append(flute)
    song.write(str(tmp_path / "a.mid"))
    render_corpus([tmp_path / "a.mid"], tmp_path / "c", render_settings(stereo=False), workers=1)
    audio, _ = soundfile.read(tmp_path / "c" / "a" / "stems" / "S00.wav")
    loud = np.flatnonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    assert loud[0] / RATE == pytest.approx(1.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(audio[int(1.2 * RATE) : int(1.8 * RATE)]))
    assert np.argmax(spectrum) / 0.6 == pytest.approx(440, rel=0.02)


def test_the_midi_of_a_stem_has_the_instrument_that_was_drawn(midi: Path, tmp_path: Path) -> None:
    render_corpus([midi], tmp_path / "c", render_settings(redraw=True, seed=2), workers=1)
    place = tmp_path / "c" / "song"
    stems = yaml.safe_load((place / "metadata.yaml").read_text())["stems"]
    drawn = {name: stem["program_num"] for name, stem in stems.items() if not stem["is_drum"]}
    assert drawn["S00"] != 0 and drawn["S02"] != 73  # with this seed
    for name, program in drawn.items():
        (part,) = pretty_midi.PrettyMIDI(str(place / "MIDI" / f"{name}.mid")).instruments
        assert part.program == program
