"""Spoilt soundfonts and SFZ instruments are played, or refused in a sentence."""

from pathlib import Path

import pretty_midi
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.archives import tone
from support.fuzz import Edit, edited, edits, fuzzed, only_sentences, spoilt_file
from support.fuzz_pieces import PieceEdit
from support.midi import RATE, needs_fluidsynth
from support.soundfont import make_soundfont

from stemtree.rendering.fluidsynth import Synthesizer
from stemtree.rendering.midi import MidiPart
from stemtree.rendering.sfz import SfzPlayer, check_sfz

_SFZ = """#define $SOFT 60 // up to here
<control> default_path=Samples\\
<global> loop_mode=one_shot amp_veltrack=0 ampeg_release=0.001
#include "part.txt"
<group> hivel=$SOFT
<region> sample=Low.wav lokey=30 hikey=80 pitch_keytrack=0 seq_length=2 seq_position=1 offset=3 end=90
<region> sample=*silence key=61 /* nothing */
<region> sample=*sine lokey=c2 hikey=c5 cutoff=500 fil_type=lpf_2p lfo01_freq=3 lfo01_pitch=20
"""
_INCLUDED = "<group> lovel=61\n<region> sample=Low.wav key=60 loop_mode=loop_continuous loop_start=5 loop_end=60\n"
_OPCODES = [
    "<region>", "<control>", "<master>", "<curve>", "<effect>", '#include "part.txt"', '#include "kit.sfz"',
    '#include ""', "#define $A $A", "#define $SOFT $SOFT$SOFT", "sample=", "sample=../x", "sample=*noise",
    "sample=/", "default_path=", "key=-1", "key=999", "lokey=", "offset=99999999999", "end=-5",
    "loop_end=4294967296", "pitch=nan", "volume=1e999", "transpose=9999", "count=99999999", "polyphony=0",
    "note_polyphony=-1", "delay=1e9", "ampeg_attack=-1", "trigger=release", "seq_length=0", "set_cc10=999", "*/",
    "/*", "$", "=", "eg01_time1=inf", "curve_index=9", "v000=1e30",
]  # fmt: skip


def _part() -> MidiPart:
    notes = pretty_midi.Instrument(0)
    notes.notes = [pretty_midi.Note(velocity, 60, 0.0, 0.01) for velocity in (50, 100)]
    return MidiPart(0, notes)


@fuzzed(20)
@given(
    st.sampled_from(["kit.sfz", "part.txt", "Samples/Low.wav"]),
    edits(text=True),
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from(_OPCODES)), max_size=4),
)
@example("kit.sfz", [(136, 0, b"\0")], [])
@example("kit.sfz", [(0, 0, b"")], [(30, "sample=" + "a" * 300)])
@example("kit.sfz", [(0, 0, b"")], [(396, "delay=1e9"), (513, "#define $SOFT $SOFT$SOFT")])
@example("part.txt", [(0, 0, b"")], [(586, "#define $SOFT $SOFT$SOFT")])
def test_sfz(tmp_path: Path, name: str, changes: list[Edit], opcodes: list[tuple[int, str]]) -> None:
    pytest.importorskip("pysfizz")
    content = {"kit.sfz": _SFZ.encode(), "part.txt": _INCLUDED.encode(), "Samples/Low.wav": tone(0.02)}
    words: list[Edit] = [(at, 0, f" {opcode} ".encode()) for at, opcode in opcodes]
    content[name] = edited(content[name], words or changes)
    with spoilt_file(tmp_path, "kit.sfz", content["kit.sfz"]) as file:
        (file.parent / "Samples").mkdir()
        for other in ("part.txt", "Samples/Low.wav"):
            (file.parent / other).write_bytes(content[other])
        with only_sentences():
            check_sfz(file)
            SfzPlayer(file, RATE).play(_part(), SfzPlayer(file, RATE).presets[0], 64, 0.05)


@needs_fluidsynth
@fuzzed(20)
@given(edits())
@example([(0, 0, b"")])
def test_soundfont(tmp_path: Path, changes: list[Edit] | list[PieceEdit]) -> None:
    with spoilt_file(tmp_path, "mine.sf2", edited(make_soundfont(), changes)) as file, only_sentences():
        player = Synthesizer(file, RATE)
        for preset in player.presets[:2]:
            player.play(_part(), preset, 64, 0.05)
