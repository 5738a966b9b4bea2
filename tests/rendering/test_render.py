"""Rendering with the small soundfont that pretty-midi contains; skipped where the FluidSynth library is missing."""

import os
import shutil
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
import yaml
from support.midi import RATE, SOUNDFONT, needs_fluidsynth, render_settings, write_midi

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.corpora.resample import resample_corpus
from stemtree.corpora.resample_plan import ResampleSettings
from stemtree.errors import CorpusError, HierarchyError, OptionError
from stemtree.rendering import render
from stemtree.rendering.fluidsynth import DRUM_BANK
from stemtree.rendering.midi import DRUMS, read_parts
from stemtree.rendering.plan import plan_stems
from stemtree.rendering.render import Take, render_corpus
from stemtree.rendering.settings import RenderSettings

pytestmark = needs_fluidsynth


def test_takes_are_excerpts_of_different_places(tmp_path: Path) -> None:
    midi = write_midi(tmp_path / "a.mid", [0, 33, DRUMS])
    render_corpus([midi], tmp_path / "c", render_settings(takes=2, excerpt=1.5), workers=1)
    takes = [soundfile.read(tmp_path / "c" / f"a_{take}" / "mix.wav")[0] for take in (1, 2)]
    assert all(len(audio) / RATE <= 1.5 + 2.01 for audio in takes)
    assert not np.array_equal(takes[0][:RATE], takes[1][:RATE])


def test_a_hierarchy_of_ones_own_goes_with_the_corpus(
    midi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "name: own\ntree: {low: {bass: [Electric Bass (finger)]}, high: {pianos: [Acoustic Grand Piano]}}\n"
    own = tmp_path / "own.yaml"
    own.write_text(text)
    monkeypatch.chdir(tmp_path)
    settings = render_settings(hierarchy="own.yaml", skip_parts=True)
    render_corpus([midi], "corpus", settings, workers=1)
    own.rename(tmp_path / "elsewhere.yaml")
    resample_corpus("corpus", "slakh", "copy", ResampleSettings(RATE // 2), workers=1)
    for corpus in ("corpus", "copy"):
        assert {stem.leaf for track in load_corpus(corpus, "slakh").tracks for stem in track.stems} <= {
            "low/bass",
            "high/pianos",
        }
    own.write_text(text.replace("pianos", "keys"))
    another = write_midi(tmp_path / "another.mid", [0])
    with pytest.raises(OptionError, match=r"'corpus/own.yaml' is another hierarchy than 'own.yaml'"):
        render_corpus([another], "corpus", settings, workers=1)
    (tmp_path / "corpus" / "own.yaml").unlink()
    own.unlink()
    with pytest.raises(
        HierarchyError, match=r"check its path, or give --hierarchy; 'corpus' says that it was made for it"
    ):
        load_corpus("corpus", "slakh")


def test_the_seed_decides_whatever_the_workers(tmp_path: Path) -> None:
    midis = [write_midi(tmp_path / f"{name}.mid", [0, 33, DRUMS]) for name in "ab"]
    options = {"redraw": True, "double": True, "vary": True, "effects": True, "takes": 2, "seed": 5}
    for workers in (1, 2):
        render_corpus(midis, tmp_path / f"{workers}", render_settings(**options), workers=workers)
    files = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file())
    assert {path.parts[0] for path in files} == {"a_1", "a_2", "b_1", "b_2"}
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()
    songs = [yaml.safe_load((tmp_path / "1" / f"a_{take}" / "metadata.yaml").read_text()) for take in (1, 2)]
    assert songs[0]["stems"] != songs[1]["stems"]
    assert all(stem["effects"] for stem in songs[0]["stems"].values())


def test_what_is_there_is_left(midi: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    render_corpus([midi, midi], root, render_settings(), workers=1)
    mix = root / "song" / "mix.wav"
    before, content = mix.stat().st_mtime_ns, mix.read_bytes()
    render_corpus([midi], root, render_settings(), workers=1)
    assert mix.stat().st_mtime_ns == before
    assert [path.name for path in root.iterdir()] == ["song"]
    assert mix.read_bytes() == content and check_corpus(root, "slakh").problems == ()
    own = tmp_path / "project" / "song" / "stems" / "own.wav"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(OptionError, match=r"project/song' holds something else than a rendered song: choose another"):
        render_corpus([midi], tmp_path / "project", render_settings(), workers=1)
    assert own.exists()


def test_songs_are_divided_into_splits_and_stay_there(tmp_path: Path) -> None:
    midis = [write_midi(tmp_path / f"{name}.mid", [33]) for name in "cdef"]
    settings = render_settings(split="2:1:1", excerpt=1, sample_rate=8000)
    render_corpus(midis, tmp_path / "c", settings, workers=1)
    render_corpus([write_midi(tmp_path / f"{name}.mid", [33]) for name in "ab"] + midis, tmp_path / "c", settings)
    splits = {track.id: track.split for track in load_corpus(tmp_path / "c", "slakh", "ms21").tracks}
    assert splits == {"a": "train", "b": "train", "c": "train", "d": "train", "e": "validation", "f": "test"}
    with pytest.raises(OptionError, match="3 songs cannot be divided 2:1:1: give 4 or more"):
        render_corpus(midis[:3], tmp_path / "other", settings, workers=1)


def test_songs_of_other_settings_are_not_mixed_in(midi: Path, tmp_path: Path) -> None:
    render_corpus([midi], tmp_path / "c", render_settings(), workers=1)
    for options, message in (
        ({"seed": 3}, "song' was rendered with seed 0, not 3: give that, or another folder"),
        ({"redraw": True}, "with redraw False, not True"),
        ({"sample_rate": 8000}, "with sample_rate 16000, not 8000"),
        ({"drum_soundfonts": (SOUNDFONT,)}, r"with drum_soundfonts \[\], not \['TimGM6mb.sf2'\]"),
    ):
        with pytest.raises(OptionError, match=message):
            render_corpus([midi], tmp_path / "c", render_settings(**options), workers=1, skip_bad=True)
    before = {"amplifiers": True, "skip_parts": True, "plays": ((SOUNDFONT, "bass"),)}
    render_corpus([midi], tmp_path / "other", render_settings(**before), workers=1)
    for name, message in (
        ("amplifiers", "with amplifiers True, not False"),
        ("skip_parts", "with skip_parts True, not False"),
        ("plays", r"with plays \[\['TimGM6mb.sf2', 'bass'\]\], not \[\]"),
    ):
        options = {key: value for key, value in before.items() if key != name}
        with pytest.raises(OptionError, match=message):
            render_corpus([midi], tmp_path / "other", render_settings(**options), workers=1)
    shutil.copytree(
        Path(__file__).parents[1] / "support" / "corpora" / "babyslakh" / "Track00001", tmp_path / "c" / "Track00001"
    )
    slakhs = midi.rename(midi.with_name("Track00001.mid"))
    with pytest.raises(OptionError, match="Track00001' was not rendered by this command"):
        render_corpus([slakhs], tmp_path / "c", render_settings(), workers=1)


def test_rates_and_channels_are_not_mixed_in_a_corpus(midi: Path, tmp_path: Path) -> None:
    root, other = tmp_path / "c", write_midi(tmp_path / "other.mid", [0])
    render_corpus([midi], root, render_settings(split="train"), workers=1)
    for options, theirs in (({"sample_rate": 8000}, "8000 Hz stereo"), ({"stereo": False}, "16000 Hz mono")):
        with pytest.raises(OptionError, match=rf"c' holds songs of 16000 Hz stereo, such as 'song', not {theirs}"):
            render_corpus([other], root, render_settings(split="test", **options), workers=1)
    assert render_corpus([other], root, render_settings(split="test", seed=3), workers=1) == []
    for settings in ({"sample_rate": 8000}, {"stereo": False}):
        with pytest.raises(OptionError, match=r"c' holds songs of 16000 Hz stereo"):
            render_corpus([other], root, render_settings(**settings), workers=1)


def test_the_corpus_tells_what_it_was_rendered_for(tmp_path: Path) -> None:
    """Shanai is a label of MS21's and not of Slakh's."""
    root = tmp_path / "c"
    render_corpus([write_midi(tmp_path / "a.mid", [111])], root, render_settings(), workers=1)
    (root / "0").mkdir()
    (root / "0" / "metadata.yaml").write_text("unreadable: [")
    corpus = load_corpus(root, "slakh", skip_bad=True)
    assert corpus.hierarchy == "ms21"
    assert [stem.leaf for stem in corpus.tracks[0].stems] == ["accompaniment/other/woodwinds"]
    shutil.rmtree(root / "0")
    with pytest.raises(CorpusError, match=r"'slakh' has no leaf for the label 'TimGM6mb.* Shenai' or 'Shanai'"):
        load_corpus(root, "slakh", "slakh")


def test_what_cannot_be_rendered_is_one_sentence(midi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = pretty_midi.PrettyMIDI()
    long.instruments.append(pretty_midi.Instrument(0))
    long.instruments[0].notes.append(pretty_midi.Note(90, 50, 0, 4000))
    long.write(str(tmp_path / "long.mid"))
    (problem,) = render_corpus([tmp_path / "long.mid"], tmp_path / "c", render_settings(), workers=1, skip_bad=True)
    assert "long.mid' lasts 4002 s and at most 1800 s are rendered: cut it" in problem.message

    def full(*arguments: object) -> None:
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(soundfile, "write", full)
    problem = render._render_take(Take(midi, 0, tmp_path / "c" / "song", render_settings()))
    assert problem is not None and problem.message.endswith("c': make room or choose another folder")
    assert not (tmp_path / "c" / "song").exists()
    (tmp_path / "file").write_text("")
    problem = render._render_take(Take(midi, 0, tmp_path / "file" / "song", render_settings()))
    assert problem is not None and "cannot write to" in problem.message
    monkeypatch.setattr(render, "read_parts", lambda file: np.zeros(1 << 50))
    problem = render._render_take(Take(midi, 0, tmp_path / "c" / "song", render_settings()))
    assert problem is not None and "song.mid' does not fit into memory" in problem.message


def test_bad_midi_is_named_or_skipped(midi: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"MThd nonsense")
    empty = write_midi(tmp_path / "empty.mid", [])
    with pytest.raises(CorpusError, match=r"bad\.mid' is not a whole MIDI file"):
        render_corpus([bad], tmp_path / "c", render_settings(), workers=1)
    problems = render_corpus([bad, midi, empty], tmp_path / "c", render_settings(), workers=1, skip_bad=True)
    assert [problem.track for problem in problems] == ["bad", "empty"]
    assert "has no notes" in problems[1].message
    assert [track.id for track in load_corpus(tmp_path / "c", "slakh", "ms21").tracks] == ["song"]
    with pytest.raises(CorpusError, match=r"cannot read the MIDI file '.*none\.mid': No such file"):
        read_parts(tmp_path / "none.mid")


def test_bad_settings(midi: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="-1 workers cannot be"):
        render_corpus([midi], tmp_path / "c", render_settings(), workers=-1)
    with pytest.raises(CorpusError, match=r"there is no soundfont '.*x\.sf2'"):
        render_corpus([midi], tmp_path / "c", RenderSettings((tmp_path / "x.sf2",)), workers=1)
    (tmp_path / "text.sf2").write_text("no soundfont")
    with pytest.raises(CorpusError, match=r"cannot load the soundfont '.*text\.sf2'"):
        render_corpus([midi], tmp_path / "c", RenderSettings((tmp_path / "text.sf2",)), workers=1)
    (tmp_path / "twin").mkdir()
    twin = write_midi(tmp_path / "twin" / "song.mid", [0])
    with pytest.raises(CorpusError, match="would both become the song 'song'"):
        render_corpus([midi, twin], tmp_path / "c", render_settings(), workers=1)


def test_names_that_are_not_utf8_and_keys_that_do_not_exist(midi: Path, tmp_path: Path) -> None:
    bad = Path(os.fsdecode(os.fsencode(tmp_path / "bad") + b"\xff.mid"))
    content = midi.read_bytes()
    track = content.index(b"MTrk")
    length = int.from_bytes(content[track + 4 : track + 8], "big") + 6
    eight_flats = b"\x00\xff\x59\x02\xf8\x00"
    bad.write_bytes(content[: track + 4] + length.to_bytes(4, "big") + eight_flats + content[track + 8 :])
    assert render_corpus([bad, midi], tmp_path / "c", render_settings(), workers=1) == []
    names = [track.id for track in load_corpus(tmp_path / "c", "slakh", "ms21").tracks]
    assert names == ["bad%FF", "song"]


@needs_fluidsynth
def test_a_general_midi_soundfont_for_drums_plays_its_kits_alone(tmp_path: Path) -> None:
    midi, settings = write_midi(tmp_path / "a.mid", [DRUMS]), render_settings(drum_soundfonts=(SOUNDFONT,))
    drawn = [plan_stems(midi, read_parts(midi), take, settings)[0].preset for take in range(20)]
    assert {preset.bank for preset in drawn} == {DRUM_BANK} and len({preset.program for preset in drawn}) > 2


def test_another_song_of_the_same_name_is_not_taken_for_done(tmp_path: Path) -> None:
    midi = write_midi(tmp_path / "a.mid", [0])
    render_corpus([midi], tmp_path / "c", render_settings(), workers=1)
    write_midi(midi, [0, 33])
    with pytest.raises(OptionError, match=r"a.mid' is another song than the one that '.*c/a' was rendered from"):
        render_corpus([midi], tmp_path / "c", render_settings(), workers=1)


@pytest.mark.parametrize(("before", "after", "several"), [(1, 2, "one"), (2, 1, "several")])
def test_takes_are_not_added_under_other_names(tmp_path: Path, before: int, after: int, several: str) -> None:
    midi = write_midi(tmp_path / "a.mid", [0])
    render_corpus([midi], tmp_path / "c", render_settings(takes=before), workers=1)
    with pytest.raises(OptionError, match=f"is a take of '.*a.mid' already, of {several}: give --takes as then"):
        render_corpus([midi], tmp_path / "c", render_settings(takes=after), workers=1)
    other = write_midi(tmp_path / "a_1.mid", [0, 33])
    render_corpus([midi, other], tmp_path / "d", render_settings(), workers=1)
