from pathlib import Path

import pretty_midi
import pytest

try:
    import fluidsynth  # noqa: F401
except ImportError:
    pytest.skip("the FluidSynth library is not installed (Debian: libfluidsynth3)", allow_module_level=True)

SOUNDFONT = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")


def test_render_then_look_at_it(cli, tmp_path: Path) -> None:
    song = pretty_midi.PrettyMIDI()
    for program in (0, 33):
        part = pretty_midi.Instrument(program)
        part.notes.append(pretty_midi.Note(90, 50, 0, 2))
        song.instruments.append(part)
    song.write(str(tmp_path / "a.mid"))
    (tmp_path / "b.mid").write_text("no MIDI")
    options = ("-o", tmp_path / "corpus", "--soundfont", SOUNDFONT, "--rate", 16000, "--mono", "--workers", 1)
    outcome = cli("corpus", "render", tmp_path / "a.mid", tmp_path / "b.mid", *options, "--skip-bad")
    assert outcome.code == 1
    assert outcome.out == f"{tmp_path / 'corpus'}: 1 songs, 1 left out\n"
    assert "b.mid' is not a whole MIDI file" in outcome.err and outcome.err.count("\n") == 1
    checked = cli("corpus", "check", tmp_path / "corpus", "--kind", "slakh")
    assert checked.out == "1 songs can be read; no problems\n"
