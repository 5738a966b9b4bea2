"""Rendering with the small soundfont that pretty-midi carries; skipped where the FluidSynth library is absent."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pretty_midi
import pyloudnorm
import pytest
import soundfile
import yaml

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.errors import CorpusError, OptionError
from stemtree.hierarchy import load
from stemtree.rendering import render
from stemtree.rendering.effects import apply_effects, draw_effects
from stemtree.rendering.fluidsynth import Preset, Synthesizer
from stemtree.rendering.midi import DRUMS, MidiPart, bass_programs, cut_out, double, read_parts, redraw, vary
from stemtree.rendering.render import render_corpus
from stemtree.rendering.settings import RenderSettings

try:
    import fluidsynth  # noqa: F401
except ImportError:
    pytest.skip("the FluidSynth library is not installed (Debian: libfluidsynth3)", allow_module_level=True)

SOUNDFONT = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
RATE = 16000


def write_midi(path: Path, programs: list[int]) -> Path:
    """A few bars, a note a beat for each program; `DRUMS` plays the kit."""
    song = pretty_midi.PrettyMIDI(initial_tempo=120)
    for number, program in enumerate(programs):
        part = pretty_midi.Instrument(0 if program == DRUMS else program, is_drum=program == DRUMS)
        for beat in range(8):
            pitch = 36 + beat % 3 if program == DRUMS else 48 + 5 * number + beat
            part.notes.append(pretty_midi.Note(90, pitch, beat / 2, beat / 2 + 0.4))
        song.instruments.append(part)
    song.write(str(path))
    return path


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    return write_midi(tmp_path / "song.mid", [0, 33, 73, DRUMS])


def rendering(**options) -> RenderSettings:
    return RenderSettings((SOUNDFONT,), **{"sample_rate": RATE, **options})


def test_slakhs_layout_levels_and_sums(midi: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    assert render_corpus([midi], root, rendering(split="train"), workers=1) == []
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
    render_corpus([tmp_path / "a.mid"], tmp_path / "c", rendering(stereo=False), workers=1)
    audio, _ = soundfile.read(tmp_path / "c" / "a" / "stems" / "S00.wav")
    loud = np.flatnonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    assert loud[0] / RATE == pytest.approx(1.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(audio[int(1.2 * RATE) : int(1.8 * RATE)]))
    assert np.argmax(spectrum) / 0.6 == pytest.approx(440, rel=0.02)


def test_an_excerpt_is_what_sounds_there() -> None:
    held, struck = pretty_midi.Note(100, 60, 0.0, 5.0), pretty_midi.Note(90, 62, 3.5, 4.5)
    part = pretty_midi.Instrument(0)
    part.notes = [held, struck, pretty_midi.Note(80, 64, 8.0, 9.0)]
    part.pitch_bends = [pretty_midi.PitchBend(100, 0.5), pretty_midi.PitchBend(200, 2.5), pretty_midi.PitchBend(0, 7.0)]
    part.control_changes = [pretty_midi.ControlChange(7, 90, 0.0), pretty_midi.ControlChange(11, 50, 3.0)]
    late = pretty_midi.Instrument(40)
    late.notes = [pretty_midi.Note(80, 64, 8.0, 9.0)]
    (cut,) = cut_out([MidiPart(0, part), MidiPart(40, late)], 3.0, 6.0)
    notes = [(note.pitch, note.start, note.end) for note in cut.instrument.notes]
    assert notes == [(60, 0.0, 2.0), (62, 0.5, 1.5)]
    assert [(bend.pitch, bend.time) for bend in cut.instrument.pitch_bends] == [(200, 0.0)]
    assert [(c.number, c.value, c.time) for c in cut.instrument.control_changes] == [(7, 90, 0.0), (11, 50, 0.0)]
    assert (held.start, held.end, len(part.notes)) == (0.0, 5.0, 3)  # what it was cut from is as it was


def test_takes_are_excerpts_of_different_places(tmp_path: Path) -> None:
    midi = write_midi(tmp_path / "a.mid", [0, 33, DRUMS])
    render_corpus([midi], tmp_path / "c", rendering(takes=2, excerpt=1.5), workers=1)
    takes = [soundfile.read(tmp_path / "c" / f"a_{take}" / "mix.wav")[0] for take in (1, 2)]
    assert all(len(audio) / RATE <= 1.5 + 2.01 for audio in takes)
    assert not np.array_equal(takes[0][:RATE], takes[1][:RATE])
    with pytest.raises(OptionError, match="an excerpt of -1 s cannot be: give more than 0"):
        rendering(excerpt=-1)


def test_the_seed_decides_whatever_the_workers(tmp_path: Path) -> None:
    midis = [write_midi(tmp_path / f"{name}.mid", [0, 33, DRUMS]) for name in "ab"]
    options = {"redraw": True, "double": True, "vary": True, "effects": True, "takes": 2, "seed": 5}
    for workers in (1, 2):
        render_corpus(midis, tmp_path / f"{workers}", rendering(**options), workers=workers)
    files = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file())
    assert {path.parts[0] for path in files} == {"a_1", "a_2", "b_1", "b_2"}
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()
    songs = [yaml.safe_load((tmp_path / "1" / f"a_{take}" / "metadata.yaml").read_text()) for take in (1, 2)]
    assert songs[0]["stems"] != songs[1]["stems"]
    assert all(stem["effects"] for stem in songs[0]["stems"].values())


def test_what_is_there_is_left_and_what_is_half_there_is_made(midi: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    render_corpus([midi, midi], root, rendering(), workers=1)
    mix = root / "song" / "mix.wav"
    before, content = mix.stat().st_mtime_ns, mix.read_bytes()
    render_corpus([midi], root, rendering(), workers=1)
    assert mix.stat().st_mtime_ns == before
    assert [path.name for path in root.iterdir()] == ["song"]
    (root / "song" / "metadata.yaml").unlink()
    mix.write_bytes(b"half")
    assert render_corpus([midi], root, rendering(), workers=1) == []
    assert mix.read_bytes() == content and check_corpus(root, "slakh").problems == ()


def test_songs_of_other_settings_are_not_mixed_in(midi: Path, tmp_path: Path) -> None:
    render_corpus([midi], tmp_path / "c", rendering(), workers=1)
    for options, message in (
        ({"seed": 3}, "song' was rendered with seed 0, not 3: give that, or another folder"),
        ({"redraw": True}, "with redraw False, not True"),
        ({"sample_rate": 8000}, "with sample_rate 16000, not 8000"),
        ({"drum_soundfonts": (SOUNDFONT,)}, r"with drum_soundfonts \[\], not \['TimGM6mb.sf2'\]"),
    ):
        with pytest.raises(OptionError, match=message):
            render_corpus([midi], tmp_path / "c", rendering(**options), workers=1, skip_bad=True)
    shutil.copytree(
        Path(__file__).parents[1] / "support" / "corpora" / "babyslakh" / "Track00001", tmp_path / "c" / "Track00001"
    )
    slakhs = midi.rename(midi.with_name("Track00001.mid"))
    with pytest.raises(OptionError, match="Track00001' was not rendered by this command"):
        render_corpus([slakhs], tmp_path / "c", rendering(), workers=1)


def test_the_corpus_tells_what_it_was_rendered_for(tmp_path: Path) -> None:
    """Shanai is a label of MS21's and not of Slakh's."""
    root = tmp_path / "c"
    render_corpus([write_midi(tmp_path / "a.mid", [111])], root, rendering(), workers=1)
    (root / "0").mkdir()
    (root / "0" / "metadata.yaml").write_text("unreadable: [")
    corpus = load_corpus(root, "slakh", skip_bad=True)
    assert corpus.hierarchy == "ms21"
    assert [stem.leaf for stem in corpus.tracks[0].stems] == ["accompaniment/other/woodwinds"]
    shutil.rmtree(root / "0")
    with pytest.raises(CorpusError, match="'slakh' has no leaf for the label 'Shanai'"):
        load_corpus(root, "slakh", "slakh")


def test_the_midi_of_a_stem_has_the_instrument_that_was_drawn(midi: Path, tmp_path: Path) -> None:
    render_corpus([midi], tmp_path / "c", rendering(redraw=True, seed=2), workers=1)
    place = tmp_path / "c" / "song"
    stems = yaml.safe_load((place / "metadata.yaml").read_text())["stems"]
    drawn = {name: stem["program_num"] for name, stem in stems.items() if not stem["is_drum"]}
    assert drawn["S00"] != 0 and drawn["S02"] != 73  # with this seed
    for name, program in drawn.items():
        (part,) = pretty_midi.PrettyMIDI(str(place / "MIDI" / f"{name}.mid")).instruments
        assert part.program == program


def test_what_cannot_be_rendered_is_one_sentence(midi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = pretty_midi.PrettyMIDI()
    long.instruments.append(pretty_midi.Instrument(0))
    long.instruments[0].notes.append(pretty_midi.Note(90, 50, 0, 4000))
    long.write(str(tmp_path / "long.mid"))
    (problem,) = render_corpus([tmp_path / "long.mid"], tmp_path / "c", rendering(), workers=1, skip_bad=True)
    assert "long.mid' lasts 4002 s and at most 1800 s are rendered: cut it" in problem.message

    def full(*arguments: object) -> None:
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(soundfile, "write", full)
    problem = render._render_job((midi, 0, tmp_path / "c" / "song", rendering()))
    assert problem is not None and problem.message.endswith("c': make room or choose another folder")
    assert not (tmp_path / "c" / "song").exists()
    (tmp_path / "file").write_text("")
    problem = render._render_job((midi, 0, tmp_path / "file" / "song", rendering()))
    assert problem is not None and "cannot write to" in problem.message
    monkeypatch.setattr(render, "read_parts", lambda file: np.zeros(1 << 50))
    problem = render._render_job((midi, 0, tmp_path / "c" / "song", rendering()))
    assert problem is not None and "song.mid' does not fit into memory" in problem.message


@pytest.mark.parametrize("name", ["pretty_midi", "fluidsynth", "pyloudnorm"])
def test_without_the_extra(name: str, midi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    render._synthesizer.cache_clear()
    problem = render._render_job((midi, 0, tmp_path / "c" / "song", rendering()))
    assert problem is not None and f"need {name}: `pip install 'stemtree[render]'`" in problem.message


def test_redrawing_keeps_bass_and_drums_and_reaches_every_class() -> None:
    parts = [MidiPart(program, None) for program in (0, 33, 73, DRUMS)]
    random, ms21, seen = np.random.default_rng(0), load("ms21"), []
    for _ in range(400):
        piano, bass, flute, drums = redraw(parts, random)
        assert 32 <= bass.program <= 43 and ms21.leaf(bass.name) == "accompaniment/bass"
        assert drums.is_drum
        seen += [ms21.leaf(piano.name), ms21.leaf(flute.name)]
    # All but bass and drum set; no General MIDI program is a lead vocal.
    percussion = "accompaniment/percussion/nontonal_percussion"
    classes = {*ms21.leaves("accompaniment/other"), "vocal/backing_vocal", percussion}
    assert set(seen) == classes
    for leaf in classes:  # each as likely: within five standard deviations
        share = 1 / len(classes)
        assert abs(seen.count(leaf) - 800 * share) < 5 * np.sqrt(800 * share * (1 - share))


def test_doubling_lets_any_instrument_play_the_notes_of_a_melody_too() -> None:
    parts, ms21 = [MidiPart(program, object()) for program in (0, 33, DRUMS)], load("ms21")
    random, seconds = np.random.default_rng(0), []
    for _ in range(1000):
        melody, *second, bass, drums = double(parts, random)
        assert [melody, bass, drums] == parts and len(second) <= 1
        assert all(part.instrument is melody.instrument for part in second)
        seconds += second
    assert 150 < len(seconds) < 250  # a fifth
    leaves = {ms21.leaf(part.name) for part in seconds}
    assert "accompaniment/bass" in leaves and {*ms21.leaves("accompaniment/other")} <= leaves


def test_varying_moves_all_by_one_key_some_by_an_octave_and_drums_by_none(midi: Path) -> None:
    parts, random = read_parts(midi), np.random.default_rng(0)
    shifts = []
    for _ in range(300):
        varied = vary(parts, random)
        first = [[part.instrument.notes[0].pitch for part in some] for some in (parts, varied)]
        shifts.append(np.subtract(*first[::-1]))
        assert all(-3 <= part.size <= 3 for part in varied)
    moved = np.array(shifts)
    bass, drums = [next(i for i, p in enumerate(parts) if p.program == program) for program in (33, DRUMS)]
    piano = next(i for i, p in enumerate(parts) if p.program == 0)
    assert set(moved[:, bass]) == set(range(-5, 7)) and not moved[:, drums].any()
    octaves = moved[:, piano] - moved[:, bass]
    assert set(octaves) == {-12, 0, 12} and 30 < (octaves != 0).sum() < 90
    for note in parts[piano].instrument.notes:
        note.pitch = 125
    tops = [vary(parts, random)[piano].instrument.notes[0].pitch for _ in range(100)]
    assert 125 in tops and all(top <= 124 or top == 125 for top in tops) and min(tops) < 124


def test_an_instruments_size_moves_its_resonances_and_neither_pitch_nor_time() -> None:
    synthesizer, preset = Synthesizer(SOUNDFONT, RATE), Preset(SOUNDFONT, 0, 56, "Trumpet")
    instrument = pretty_midi.Instrument(56)
    instrument.notes.append(pretty_midi.Note(100, 69, 0.5, 1.5))
    pitches, onsets, centroids = [], [], []
    for size in (-3, 0, 3):
        audio = synthesizer.play(MidiPart(56, instrument, size), preset, 64, 2.0)[0]
        spectrum = np.abs(np.fft.rfft(audio[RATE * 3 // 4 : RATE * 5 // 4]))
        hertz = np.fft.rfftfreq(RATE // 2, 1 / RATE)
        pitches.append(hertz[np.argmax(spectrum * (hertz < 600))])
        onsets.append(np.argmax(np.abs(audio) > 1e-3) / RATE)
        centroids.append((hertz * spectrum).sum() / spectrum.sum())
    np.testing.assert_allclose(pitches, 440, atol=3)
    np.testing.assert_allclose(onsets, 0.5, atol=0.01)
    assert centroids[0] * 1.1 < centroids[1] and centroids[1] * 1.1 < centroids[2]


def test_basses_change_places_where_asked() -> None:
    random, basses = np.random.default_rng(0), set(bass_programs())
    parts = [MidiPart(0, None), MidiPart(33, None), MidiPart(DRUMS, None)]
    drawn = [redraw(parts, random, basses_too=True) for _ in range(400)]
    assert all(drums.is_drum for *_, drums in drawn)
    assert np.mean([bass.program in basses for _, bass, _ in drawn]) == pytest.approx(0.5 + 0.5 / 12, abs=0.07)
    assert np.mean([melody.program in basses for melody, *_ in drawn]) == pytest.approx(1 / 12, abs=0.05)
    doubled = [double(parts, random, basses_too=True) for _ in range(4000)]
    assert np.mean([len(some) - 3 for some in doubled]) == pytest.approx(1.0, abs=0.05)
    with pytest.raises(OptionError, match="basses alone cannot be redrawn: give --redraw too"):
        rendering(redraw_bass=True)


def test_effects_keep_length_and_change_the_sound() -> None:
    random = np.random.default_rng(1)
    audio = random.standard_normal((2, RATE)).astype(np.float32) / 10
    for leaf in ("accompaniment/other/electric_guitar", "accompaniment/bass"):
        changed = apply_effects(audio, RATE, draw_effects(leaf, random))
        assert changed.shape == audio.shape and np.isfinite(changed).all()
        assert np.abs(changed - audio).max() > 0.01


def test_bad_midi_is_named_or_skipped(midi: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"MThd nonsense")
    empty = write_midi(tmp_path / "empty.mid", [])
    with pytest.raises(CorpusError, match=r"bad\.mid' is not a whole MIDI file"):
        render_corpus([bad], tmp_path / "c", rendering(), workers=1)
    problems = render_corpus([bad, midi, empty], tmp_path / "c", rendering(), workers=1, skip_bad=True)
    assert [problem.track for problem in problems] == ["bad", "empty"]
    assert "has no notes" in problems[1].message
    assert [track.id for track in load_corpus(tmp_path / "c", "slakh", "ms21").tracks] == ["song"]
    with pytest.raises(CorpusError, match=r"cannot read the MIDI file '.*none\.mid': No such file"):
        read_parts(tmp_path / "none.mid")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "the seed -1 cannot be: give 0 or more"),
        ({"split": "trian"}, "no split 'trian'; did you mean train"),
        ({"takes": 0}, "0 takes"),
        ({"container": "mp3"}, "stems cannot be 'mp3'"),
        ({"sample_rate": 100}, "sample rate of 100 Hz"),
    ],
)
def test_impossible_settings(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        rendering(**options)


def test_bad_settings(midi: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="-1 workers cannot be"):
        render_corpus([midi], tmp_path / "c", rendering(), workers=-1)
    with pytest.raises(OptionError, match="no soundfont to render with"):
        RenderSettings(())
    with pytest.raises(CorpusError, match=r"there is no soundfont '.*x\.sf2'"):
        render_corpus([midi], tmp_path / "c", RenderSettings((tmp_path / "x.sf2",)), workers=1)
    (tmp_path / "text.sf2").write_text("no soundfont")
    with pytest.raises(CorpusError, match=r"cannot load the soundfont '.*text\.sf2'"):
        render_corpus([midi], tmp_path / "c", RenderSettings((tmp_path / "text.sf2",)), workers=1)
    (tmp_path / "twin").mkdir()
    twin = write_midi(tmp_path / "twin" / "song.mid", [0])
    with pytest.raises(CorpusError, match="would both become the song 'song'"):
        render_corpus([midi, twin], tmp_path / "c", rendering(), workers=1)
