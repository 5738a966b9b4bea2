import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from support.corpus_layouts import write_noise

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.corpora.resample import resample_corpus
from stemtree.corpora.resample_plan import ResampleSettings
from stemtree.errors import CorpusError, OptionError

UP = ResampleSettings(12000)


@pytest.mark.parametrize("kind", ["slakh", "ms21", "folder", "musdb18-hq"])
def test_the_copy_has_the_layout_of_the_corpus(kind: str, corpora: Callable[[str], Path], tmp_path: Path) -> None:
    root, calls = corpora(kind), []
    progress = lambda done, total: calls.append((done, total))  # noqa: E731
    assert resample_corpus(root, kind, tmp_path / "copy", UP, workers=1, progress=progress) == []
    before, after = load_corpus(root, kind), load_corpus(tmp_path / "copy", kind)
    assert calls[-1] == (len(before.tracks), len(before.tracks))
    assert check_corpus(tmp_path / "copy", kind).problems == ()
    for old, new in zip(before.tracks, after.tracks, strict=True):
        assert (new.id, new.split, new.origin, new.adds_up) == (old.id, old.split, old.origin, old.adds_up)
        assert [(s.name, s.leaf) for s in new.stems] == [(s.name, s.leaf) for s in old.stems]
        assert new.sample_rate == 12000 and new.duration == pytest.approx(old.duration, abs=1e-4)


def test_signals_stay_what_they_are(slakh: Path, tmp_path: Path) -> None:
    """Down and up again what lies below the lower rate's limit is what it was; channels are averaged."""
    song = slakh / "train" / "Track00001"
    time = np.arange(16000) / 8000
    tone = np.stack([0.3 * np.sin(2 * np.pi * 300 * time), np.zeros_like(time)], axis=1)
    for file in [*(song / "stems").iterdir(), song / "mix.wav"]:
        soundfile.write(file, tone, 8000, "PCM_24" if file.stem == "mix" else "PCM_16")
    resample_corpus(slakh, "slakh", tmp_path / "copy", ResampleSettings(12000), workers=1)
    stem, rate = soundfile.read(tmp_path / "copy" / "train" / "Track00001" / "stems" / "S00.wav")
    time = np.arange(24000) / 12000
    assert rate == 12000 and stem.shape == (24000,)
    assert np.abs(stem - 0.15 * np.sin(2 * np.pi * 300 * time))[200:-200].max() < 1e-3
    assert soundfile.info(tmp_path / "copy" / "train" / "Track00001" / "mix.wav").subtype == "PCM_24"
    resample_corpus(slakh, "slakh", tmp_path / "stereo", ResampleSettings(8000, mono=False), workers=1)
    same, _ = soundfile.read(tmp_path / "stereo" / "train" / "Track00001" / "stems" / "S00.wav", dtype="int16")
    assert np.array_equal(same, soundfile.read(song / "stems" / "S00.wav", dtype="int16")[0])


def test_flac_as_wav(slakh: Path, tmp_path: Path) -> None:
    for file in (slakh / "train").glob("*/**/*.wav"):
        samples, rate = soundfile.read(file)
        soundfile.write(file.with_suffix(".flac"), samples, rate, "PCM_16")
        file.unlink()
    resample_corpus(slakh, "slakh", tmp_path / "flac", ResampleSettings(8000), workers=1)
    resample_corpus(slakh, "slakh", tmp_path / "wav", ResampleSettings(8000, as_wav=True), workers=1)
    assert check_corpus(tmp_path / "wav", "slakh").problems == ()
    flac, wav = (load_corpus(tmp_path / name, "slakh", split="train").tracks for name in ("flac", "wav"))
    for old, new in zip(flac, wav, strict=True):
        for before, after in zip(old.stems, new.stems, strict=True):
            assert (before.file.path.suffix, after.file.path.suffix) == (".flac", ".wav")
            assert np.array_equal(*(soundfile.read(stem.file.path, dtype="int16")[0] for stem in (before, after)))


def test_it_goes_on_with_the_songs_that_are_missing(slakh: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    resample_corpus(slakh, "slakh", copy, UP, workers=1)
    kept, lost = copy / "train" / "Track00001", copy / "train" / "Track00003"
    (kept / "mine.txt").write_text("x")
    shutil.rmtree(lost)
    resample_corpus(slakh, "slakh", copy, UP, workers=2)
    assert (kept / "mine.txt").exists() and (lost / "stems" / "S00.wav").exists()
    assert not list(copy.glob("**/*.partial"))
    with pytest.raises(OptionError, match="have sample_rate 12000, not 16000: give that, or another folder"):
        resample_corpus(slakh, "slakh", copy, workers=1)


def test_metadata_that_changed_are_copied_again(corpora: Callable[[str], Path], tmp_path: Path) -> None:
    """Such as the split of a song."""
    root = corpora("ms21")
    resample_corpus(root, "ms21", tmp_path / "copy", UP, workers=1)
    before = {track.id: track.split for track in load_corpus(root, "ms21").tracks}
    for metadata in root.rglob("*_METADATA.yaml"):
        said = yaml.safe_load(metadata.read_text())
        metadata.write_text(yaml.safe_dump(said | {"split": "test" if said.get("split") != "test" else "train"}))
    assert resample_corpus(root, "ms21", tmp_path / "copy", UP, workers=1) == []
    after = {track.id: track.split for track in load_corpus(tmp_path / "copy", "ms21").tracks}
    assert after.keys() == before.keys() and all(after[song] != before[song] for song in before)
    assert after == {track.id: track.split for track in load_corpus(root, "ms21").tracks}


def test_a_song_that_has_moved_to_another_split_is_told(slakh: Path, tmp_path: Path) -> None:
    resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)
    (slakh / "train" / "Track00001").rename(slakh / "test" / "Track00001")
    with pytest.raises(OptionError, match=r"the copy has '.*train/Track00001', and the corpus no '.*train/Track00001'"):
        resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)
    assert not (tmp_path / "copy" / "test" / "Track00001").exists()


def test_metadata_that_would_name_other_files_are_refused(corpora: Callable[[str], Path], tmp_path: Path) -> None:
    root = corpora("ms21")
    for file in root.rglob("*.wav"):
        samples, rate = soundfile.read(file)
        soundfile.write(file.with_suffix(".flac"), samples, rate, "PCM_16")
        file.unlink()
    for metadata in root.rglob("*_METADATA.yaml"):
        metadata.write_text(metadata.read_text().replace(".wav", ".flac"))
    with pytest.raises(
        CorpusError, match=r"name 'bass\.flac', which would be 'bass\.wav' in the copy: leave --wav out"
    ):
        resample_corpus(root, "ms21", tmp_path / "wav", ResampleSettings(12000, as_wav=True), workers=1)
    assert not (tmp_path / "wav").exists()
    resample_corpus(root, "ms21", tmp_path / "flac", UP, workers=1)
    assert len(load_corpus(tmp_path / "flac", "ms21").tracks) == len(load_corpus(root, "ms21").tracks)


def test_other_formats_become_wav_where_a_name_may_change(tmp_path: Path) -> None:
    write_noise(tmp_path / "mine" / "song" / "bass.flac")
    write_noise(tmp_path / "mine" / "song" / "drums.ogg", seed=1)
    resample_corpus(tmp_path / "mine", "folder", tmp_path / "copy", UP, workers=1)
    assert {file.name for file in (tmp_path / "copy" / "song").iterdir()} == {"bass.flac", "drums.wav"}
    assert len(load_corpus(tmp_path / "copy", "folder", "musdb18").tracks[0].stems) == 2


def test_clipped_samples_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "mine" / "song" / "bass.wav"
    file.parent.mkdir(parents=True)
    square = np.where(np.arange(8000) // 8 % 2, 0.999, -0.999)
    soundfile.write(file, square, 8000, "PCM_16")
    (problem,) = resample_corpus(tmp_path / "mine", "folder", tmp_path / "copy", UP, workers=1)
    assert problem.kind == "clipped" and "samples of 'song' were clipped at full scale" in problem.message
    assert np.abs(soundfile.read(tmp_path / "copy" / "song" / "bass.wav")[0]).max() <= 1


def test_what_cannot_be(slakh: Path, corpora: Callable[[str], Path], tmp_path: Path, cli) -> None:
    with pytest.raises(CorpusError, match="'A - B' is no folder of its own, with one file a stem"):
        resample_corpus(corpora("musdb18"), "musdb18", tmp_path / "copy", workers=1)
    with pytest.raises(OptionError, match="cannot lie in its own folder"):
        resample_corpus(slakh, "slakh", slakh, workers=1)
    with pytest.raises(OptionError, match="cannot lie in its own folder"):  # its songs would be copied the next time
        resample_corpus(slakh, "slakh", slakh / "copy", workers=1)
    with pytest.raises(OptionError, match="a rate of 16 Hz cannot be"):
        ResampleSettings(16)
    with pytest.raises(OptionError, match="is not empty and holds no copy"):
        resample_corpus(slakh, "slakh", tmp_path, workers=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="holds no songs in the layout 'slakh'"):
        resample_corpus(tmp_path / "empty", "slakh", tmp_path / "copy", workers=1)
    (slakh / "train" / "Track00003" / "stems" / "S00.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match=r"'Track00003' cannot be resampled: .*S00\.wav"):
        resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)
    options = ("corpus", "resample", slakh, "--kind", "slakh", "-o", tmp_path / "copy", "--rate", 12000)
    outcome = cli(*options, "--workers", 1, "--skip-bad")
    assert outcome.code == 1 and outcome.err.count("\n") == 1
    assert outcome.out == f"{tmp_path / 'copy'}: 12000 Hz, mono, 1 song left out\n"
    assert sorted(path.name for path in (tmp_path / "copy").glob("*/*")) == ["Track00001", "Track02000"]
    assert json.loads((tmp_path / "copy" / "resampled.json").read_text()) == asdict(UP)
    for damaged in ("{", "[]"):
        (tmp_path / "copy" / "resampled.json").write_text(damaged)
        with pytest.raises(CorpusError, match=r"the metadata '.*resampled\.json' "):
            resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)


def test_songs_with_bad_metadata_are_left_out(slakh: Path, tmp_path: Path) -> None:
    (slakh / "train" / "Track00001" / "metadata.yaml").write_text("stems: [")
    with pytest.raises(CorpusError, match="is not valid YAML"):
        resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)
    (problem,) = resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1, skip_bad=True)
    assert (problem.track, problem.kind) == ("train/Track00001", "unreadable")
    assert sorted(path.name for path in (tmp_path / "copy").glob("*/*")) == ["Track00003", "Track02000"]


def test_two_stems_that_would_have_one_name_are_named(tmp_path: Path) -> None:
    song = tmp_path / "songs" / "song"
    song.mkdir(parents=True)
    for name, container in (("bass.wav", "WAV"), ("bass.ogg", "OGG"), ("drums.wav", "WAV")):
        soundfile.write(song / name, np.zeros(8000), 8000, format=container)
    with pytest.raises(CorpusError, match=r"'bass.\w+' and 'bass.\w+' would both be 'bass.wav': rename one"):
        resample_corpus(tmp_path / "songs", "folder", tmp_path / "copy", ResampleSettings(12000), workers=1)
    assert not (tmp_path / "copy" / "song").exists()


def test_songs_that_hold_songs_cannot_be_copied(tmp_path: Path) -> None:
    for place in ("flat", "nest/Song", "nest/Song/alt"):
        write_noise(tmp_path / place / "vocals.wav")
    with pytest.raises(CorpusError, match=r"the song 'flat' lies in '.*flat' itself: give the folder above it"):
        resample_corpus(tmp_path / "flat", "folder", tmp_path / "copy", UP, workers=1)
    with pytest.raises(CorpusError, match=r"Song/alt' lies within the song '.*Song': move it out"):
        resample_corpus(tmp_path / "nest", "folder", tmp_path / "copy", UP, workers=1)
    assert not (tmp_path / "copy").exists()


def test_what_changed_since_is_not_taken_for_done(tmp_path: Path) -> None:
    for name in ("vocals", "bass"):
        write_noise(tmp_path / "corpus" / "A" / f"{name}.wav")
    resample_corpus(tmp_path / "corpus", "folder", tmp_path / "copy", UP, workers=1)
    write_noise(tmp_path / "corpus" / "A" / "piano.wav")
    with pytest.raises(OptionError, match=r"piano.wav' is newer than the copy '.*copy/A': remove that"):
        resample_corpus(tmp_path / "corpus", "folder", tmp_path / "copy", UP, workers=1)
    shutil.rmtree(tmp_path / "copy" / "A")
    resample_corpus(tmp_path / "corpus", "folder", tmp_path / "copy", UP, workers=1)
    changed = tmp_path / "corpus" / "A" / "bass.wav"
    os.utime(changed, (changed.stat().st_atime, changed.stat().st_mtime + 100))
    with pytest.raises(OptionError, match=r"bass.wav' is newer than the copy"):
        resample_corpus(tmp_path / "corpus", "folder", tmp_path / "copy", UP, workers=1)


def test_a_song_that_loading_skips_is_skipped(slakh: Path, tmp_path: Path) -> None:
    file = slakh / "train" / "Track00001" / "metadata.yaml"
    content = yaml.safe_load(file.read_text())
    content["stems"]["x" * 300] = dict(next(iter(content["stems"].values())))
    file.write_text(yaml.safe_dump(content))
    (problem,) = resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1, skip_bad=True)
    assert problem.kind == "unreadable" and "cannot be opened" in problem.message
    assert (tmp_path / "copy" / "train" / "Track00003").exists()
    with pytest.raises(CorpusError, match="cannot be opened"):
        resample_corpus(slakh, "slakh", tmp_path / "other", UP, workers=1)


@pytest.mark.parametrize("name", ["../../../victim", "../../Track00003/stems/S00", "/victim", ".."])
def test_a_stem_leads_out_of_no_song(slakh: Path, tmp_path: Path, name: str) -> None:
    file = slakh / "train" / "Track00001" / "metadata.yaml"
    content = yaml.safe_load(file.read_text())
    content["stems"][name] = dict(next(iter(content["stems"].values())))
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(CorpusError, match=r"have '.*' for the name of a file: copy them again"):
        resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)
    (problem,) = (found for found in check_corpus(slakh, "slakh").problems if found.kind == "metadata")
    assert "for the name of a file" in problem.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_no_stem(slakh: Path, tmp_path: Path) -> None:
    stem = slakh / "train" / "Track00001" / "stems" / "S00.wav"
    stem.unlink()
    os.mkfifo(stem)
    assert any("is a pipe or a device" in problem.message for problem in check_corpus(slakh, "slakh").problems)
    with pytest.raises(CorpusError, match="is a pipe or a device: put an audio file in its place"):
        resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)


def test_a_stem_that_is_gone_leaves_the_copy_as_it_is(slakh: Path, tmp_path: Path) -> None:
    resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1)
    (slakh / "train" / "Track00001" / "stems" / "S00.wav").unlink()
    assert resample_corpus(slakh, "slakh", tmp_path / "copy", UP, workers=1) == []
    assert (tmp_path / "copy" / "train" / "Track00001" / "stems" / "S00.wav").exists()
