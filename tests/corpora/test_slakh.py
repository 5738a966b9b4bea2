from pathlib import Path

import pytest
import soundfile
from support.corpus_layouts import edit_metadata, stem_file

from stemtree.corpora.load import load_corpus
from stemtree.corpora.slakh import _published_changes
from stemtree.errors import CorpusError


def test_slakhs_splits(slakh: Path) -> None:
    by_kind = {
        kind: {track.id: track.split for track in load_corpus(slakh, kind).tracks}
        for kind in ("slakh", "slakh-split2", "slakh-redux")
    }
    assert by_kind["slakh"] == {"Track00001": "train", "Track00003": "train", "Track02000": "test"}
    assert by_kind["slakh-split2"]["Track00003"] == "test"  # the published list moves it
    assert "Track02000" in by_kind["slakh-redux"]
    assert [track.id for track in load_corpus(slakh, "slakh", split="test").tracks] == ["Track02000"]
    with pytest.raises(CorpusError, match="holds no songs of the split 'validation'"):
        load_corpus(slakh, "slakh", split="validation")


def test_published_split_sizes() -> None:
    """Slakh2100: 1500/375/225 songs; redux 1289/270/151; split2 has as many in each split as the original."""
    original = {f"Track{n:05}": "train" if n <= 1500 else "validation" if n <= 1875 else "test" for n in range(1, 2101)}
    redux = [split for track, split in original.items() if track not in _published_changes()["redux"]]
    assert [redux.count(split) for split in ("train", "validation", "test")] == [1289, 270, 151]
    moved = list((original | _published_changes()["split2"]).values())
    assert [moved.count(split) for split in ("train", "validation", "test")] == [1500, 375, 225]


def test_another_hierarchy_takes_the_label_that_it_knows(slakh: Path) -> None:
    track = load_corpus(slakh, "slakh", "ms21").tracks[0]
    assert [(stem.label, stem.leaf) for stem in track.stems] == [
        ("distorted_electric_guitar", "accompaniment/other/electric_guitar"),
        ("drum_set", "accompaniment/percussion/drum_set"),
    ]
    assert track.stems_of("accompaniment/other") == track.stems[:1]
    assert track.stems_of("") == track.stems


def test_stems_that_slakh_did_not_render(slakh: Path) -> None:
    """Slakh's metadata say so; their song is whole without them, and what is missing is named as the others are."""
    edit_metadata(slakh, lambda data: data["stems"]["S00"].update(audio_rendered=False))
    (stem_file(slakh).with_name("S00.wav")).unlink()
    corpus = load_corpus(slakh, "slakh")
    assert [stem.name for stem in corpus.tracks[0].stems] == ["S01"]
    (note,) = corpus.notes
    assert note.message == "stem 'S00' of 'Track00001' was not rendered (metadata.yaml says so) and is left out"
    for file in list(slakh.rglob("*.wav")):
        soundfile.write(file.with_suffix(".flac"), *soundfile.read(file))
        file.unlink()
    edit_metadata(slakh, lambda data: data["stems"]["S00"].pop("audio_rendered"))
    with pytest.raises(CorpusError, match=r"the stem '.*S00\.flac' is missing"):
        load_corpus(slakh, "slakh")


def test_flac(tmp_path: Path, slakh: Path) -> None:
    for file in list(slakh.rglob("*.wav")):
        soundfile.write(file.with_suffix(".flac"), *soundfile.read(file))
        file.unlink()
    assert len(load_corpus(slakh, "slakh").tracks) == 3
