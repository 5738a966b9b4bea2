from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
import yaml
from support.midi import RATE, SOUNDFONT, needs_fluidsynth, write_midi

from stemtree.errors import CorpusError, HierarchyError
from stemtree.rendering.fluidsynth import Preset
from stemtree.rendering.midi import DRUMS, MidiPart, read_parts
from stemtree.rendering.plan import plan_stems
from stemtree.rendering.render import Take
from stemtree.rendering.settings import RenderSettings
from stemtree.rendering.sfz import SfzPlayer, check_sfz, sample_paths

pytest.importorskip("pysfizz")

INSTRUMENT = """
#define $SOFT 60 // up to here
<control> default_path=Samples\\
<global> loop_mode=one_shot amp_veltrack=0 ampeg_release=0.001
#include "loud part.txt"
<group> hivel=$SOFT
<region> sample=LOW.wav lokey=30 hikey=80 pitch_keytrack=0 seq_length=2 seq_position=1
<region> sample=high.wav lokey=30 hikey=80 pitch_keytrack=0 seq_length=2 seq_position=2
<region> sample=*silence key=61 /* nothing
<region> sample=none.wav */
"""


def _tone(hertz: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE // 5) / RATE)


@pytest.fixture
def instrument(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    (folder / "Samples").mkdir(parents=True)
    for name, hertz in (("low", 500), ("high", 1000), ("the loud one", 2000)):
        soundfile.write(folder / "Samples" / f"{name}.wav", _tone(hertz), RATE, "PCM_16")
    (folder / "loud part.txt").write_text(
        "<group> lovel=61\n<region> sample=the loud one.wav lokey=30 hikey=80 pitch_keytrack=0 // ff\n"
    )
    file = folder / "kit.sfz"
    file.write_text(INSTRUMENT)
    return file


def _frequency(audio: np.ndarray) -> int:
    return round(float(np.argmax(np.abs(np.fft.rfft(audio, RATE)))))


def _part(velocities: list[int], size: int = 0) -> MidiPart:
    notes = pretty_midi.Instrument(0)
    notes.notes = [
        pretty_midi.Note(velocity, 60, 0.1 + 0.5 * n, 0.3 + 0.5 * n) for n, velocity in enumerate(velocities)
    ]
    return MidiPart(0, notes, size)


def test_layers_and_round_robins_on_the_very_sample(instrument: Path) -> None:
    player = SfzPlayer(instrument, RATE)
    audio = player.play(_part([40, 40, 100, 40]), player.presets[0], 64, 2.2)
    assert audio.shape == (2, round(2.2 * RATE)) and audio.dtype == np.float32
    beats = [audio[0, round(start * RATE) : round((start + 0.5) * RATE)] for start in (0, 0.5, 1.0, 1.5)]
    assert [_frequency(beat) for beat in beats] == [500, 1000, 2000, 1000]
    assert abs(int(np.argmax(np.abs(audio[0]) > 1e-3)) - RATE // 10) < 8
    again = player.play(_part([40, 40, 100, 40]), player.presets[0], 64, 2.2)
    np.testing.assert_array_equal(audio, again)
    left = player.play(_part([40]), player.presets[0], 0, 1.0)
    assert np.abs(left[0]).max() > 10 * np.abs(left[1]).max()


def test_keys_beyond_midi_are_left_out(instrument: Path) -> None:
    """As FluidSynth leaves them out; sfizz refuses them."""
    player, part = SfzPlayer(instrument, RATE), _part([40, 40], size=3)
    part.instrument.notes[0].pitch = 2
    audio = player.play(part, player.presets[0], 64, 1.2)[0]
    assert not audio[: RATE // 2].any() and audio[RATE // 2 :].any()


def test_what_is_missing_is_named(instrument: Path) -> None:
    check_sfz(instrument)
    (instrument.parent / "Samples" / "the loud one.wav").unlink()
    with pytest.raises(CorpusError, match=r"refers to 1 of 3 samples that are missing, the first 'Samples/the loud"):
        check_sfz(instrument)
    (instrument.parent / "loud part.txt").unlink()
    with pytest.raises(CorpusError, match=r"cannot read '.*loud part.txt' of the instrument .*: No such file"):
        check_sfz(instrument)
    instrument.write_text('#include "kit.sfz"')
    with pytest.raises(CorpusError, match="include each other"):
        check_sfz(instrument)
    (instrument.parent / "a.txt").write_text('#include "b.txt"\n' * 200)
    (instrument.parent / "b.txt").write_text('#include "c.txt"\n' * 200)
    (instrument.parent / "c.txt").touch()
    instrument.write_text('#include "a.txt"')
    with pytest.raises(CorpusError, match="includes more than 10,000 files: get the whole"):
        check_sfz(instrument)
    for endless in ("#define $A $A", "#define $A $B\n#define $B x$A$A"):  # which sfizz would put in for ever
        instrument.write_text(f"{endless}\n<region> sample=a.wav key=$A")
        with pytest.raises(CorpusError, match="defines contains itself or has no end: get the whole"):
            check_sfz(instrument)
    instrument.write_text("#define $A a\n#define $LONGER $A$A\n<region> sample=$LONGER.wav")
    with pytest.raises(CorpusError, match=r"the first 'aa\.wav'"):
        check_sfz(instrument)
    instrument.write_text("<control> default_path=Samples/ <region> sample=a.wav <control> <region> sample=b.wav")
    with pytest.raises(CorpusError, match=r"refers to 2 of 2 .* the first 'Samples/a\.wav'"):
        check_sfz(instrument)
    assert list(sample_paths(instrument)) == ["Samples/a.wav", "b.wav"]  # <control> forgets the path
    instrument.write_text("<region> sample=*sine")
    check_sfz(instrument)
    instrument.write_bytes(b"\xff\x00RIFF")
    with pytest.raises(CorpusError, match="has no samples: give an SFZ instrument"):
        check_sfz(instrument)
    with pytest.raises(CorpusError, match="cannot load the instrument"):
        SfzPlayer(instrument, RATE).play(_part([40]), Preset(instrument, 0, 0, "kit"), 64, 1.0)


@needs_fluidsynth
def test_a_corpus_with_instruments_for_some_parts(cli, instrument: Path, tmp_path: Path) -> None:
    midi = write_midi(tmp_path / "a.mid", [40, 33, DRUMS])
    sounds = ("--soundfont", SOUNDFONT, "--soundfont", f"Violin={instrument}", "--drums", instrument)
    outcome = cli("corpus", "render", midi, "-o", tmp_path / "c", *sounds, "--rate", RATE, "--workers", 1, "--seed", 3)
    assert outcome.code == 0, outcome.err
    metadata = yaml.safe_load((tmp_path / "c/a/metadata.yaml").read_text())
    played = {stem["midi_program_name"]: stem["plugin_name"] for stem in metadata["stems"].values()}
    assert played["Violin"] == played["Drums"] == "kit.sfz:0:0 kit"
    assert played["Electric Bass (finger)"].startswith("TimGM6mb.sf2")
    assert metadata["rendering"]["plays"] == [["kit.sfz", "Violin"]]
    (instrument.parent / "Samples" / "low.wav").unlink()
    outcome = cli("corpus", "render", midi, "-o", tmp_path / "d", *sounds, "--workers", 1)
    assert (outcome.code, outcome.err.count("\n")) == (1, 1) and "samples that are missing" in outcome.err


def test_labels_are_programs_or_nodes() -> None:
    kit, other = Path("kit.sfz"), Path("other.sf2")
    settings = RenderSettings((kit, other), plays=((kit, "Violin"), (kit, "guitar")))
    assert settings.may_play(kit, "Violin", "accompaniment/other/strings")
    assert not settings.may_play(kit, "Viola", "accompaniment/other/strings")
    assert settings.may_play(kit, "Overdriven Guitar", "accompaniment/other/electric_guitar")
    assert settings.may_play(other, "Viola", "accompaniment/other/strings")
    assert RenderSettings((kit,)).as_dict()["plays"] == []
    with pytest.raises(HierarchyError, match="no node 'theremin'"):
        RenderSettings((kit,), plays=((kit, "theremin"),))


def test_parts_without_a_sound_are_left_out(instrument: Path, tmp_path: Path) -> None:
    midi = write_midi(tmp_path / "song.mid", [40, 0])
    options = {"soundfonts": (instrument,), "plays": ((instrument, "Violin"),), "sample_rate": RATE}
    with pytest.raises(CorpusError, match="has a sound for 'Acoustic Grand Piano'"):
        plan_stems(midi, read_parts(midi), 0, RenderSettings(**options))
    (plan,) = plan_stems(midi, read_parts(midi), 0, RenderSettings(**options, skip_parts=True))
    assert plan.leaf == "accompaniment/other/strings"
    assert RenderSettings(**options).as_dict()["skip_parts"] is False
    assert RenderSettings(**options, skip_parts=True).as_dict()["skip_parts"]
    take = Take(write_midi(tmp_path / "piano.mid", [0]), 0, tmp_path, RenderSettings(**options, skip_parts=True))
    with pytest.raises(CorpusError, match="no soundfont given has a sound"):
        take.render()
