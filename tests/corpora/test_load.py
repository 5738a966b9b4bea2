import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from support.corpus_layouts import edit_metadata, stem_file

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.corpora.registry import KINDS
from stemtree.errors import CorpusError, HierarchyError, OptionError


@pytest.mark.parametrize(
    ("kind", "leaves"),
    [
        (
            "slakh",
            {
                "Track00001": [
                    "strings_guitar_keyboards/guitar/effected_guitars/distorted_electric_guitar",
                    "percussion/percussion/drums/drum_set",
                ],
                "Track00003": ["bass/bass/acoustic_basses/upright_bass"],
                "Track02000": [
                    "strings_guitar_keyboards/guitar/effected_guitars/distorted_electric_guitar",
                    "percussion/percussion/drums/drum_set",
                ],
            },
        ),
        ("musdb18", {"A - B": ["accompaniment/drums", "accompaniment/bass", "accompaniment/other", "vocals"]}),
        (
            "musdb18-hq",
            {
                f"Artist - {split} song": ["accompaniment/drums", "accompaniment/bass", "accompaniment/other", "vocals"]
                for split in ("test", "train")
            },
        ),
        (
            "dsd100",
            {
                f"05{number} - Artist - {split} song": [
                    "accompaniment/drums",
                    "accompaniment/bass",
                    "accompaniment/other",
                    "vocals",
                ]
                for number, split in enumerate(("Dev", "Test"))
            },
        ),
        ("medleydb", {"Some_Song": ["accompaniment/bass", "vocal/lead_vocal", "vocal/backing_vocal"]}),
        ("ms21", {"Artist - Title": ["accompaniment/bass", "vocal/lead_vocal"]}),
        (
            "moisesdb",
            {
                "song-id": [
                    "vocals/lead_male_singer",
                    "guitar/acoustic_guitar",
                    "guitar/clean_electric_guitar",
                    "drums/snare_drum",
                ]
            },
        ),
        ("folder", {"song": ["accompaniment/other/pianos", "accompaniment/percussion/drum_set"]}),
    ],
)
def test_every_layout(kind: str, leaves: dict[str, list[str]], corpora: Callable[[str], Path]) -> None:
    corpus = load_corpus(corpora(kind), kind)
    assert {track.id: [stem.leaf for stem in track.stems] for track in corpus.tracks} == leaves
    assert corpus.hierarchy == KINDS[kind].hierarchy
    for track in corpus.tracks:
        assert track.duration == pytest.approx(2.0 if kind != "musdb18" else 1.0, abs=0.1)
        assert all(stem.file.path.exists() for stem in track.stems)
        assert (track.mixture is None) == (kind == "moisesdb")


def _resample(root: Path) -> None:
    audio, rate = soundfile.read(stem_file(root))
    soundfile.write(stem_file(root), audio, 2 * rate)


def _shorten(root: Path) -> None:
    audio, rate = soundfile.read(stem_file(root))
    soundfile.write(stem_file(root), audio[:-5], rate)


BREAK = {
    "missing": (lambda root: stem_file(root).unlink(), r"the stem '.*S01\.wav' is missing: complete the copy"),
    "unreadable": (lambda root: stem_file(root).write_text("text"), r"S01\.wav' cannot be read as audio"),
    "sample rate": (_resample, r"S01\.wav' has 16000 Hz and '.*S00\.wav' 8000 Hz: resample"),
    "length": (_shorten, r"S01\.wav' has 15995 samples and '.*S00\.wav' 16000: pad"),
    "label": (
        lambda root: edit_metadata(
            root,
            lambda data: data["stems"]["S01"].update(plugin_name="x.nkm", is_drum=False, midi_program_name="Kazoo"),
        ),
        "stem 'S01' of 'Track00001': hierarchy 'slakh' has no leaf for the label 'x.nkm' or 'Kazoo'",
    ),
    "metadata": (
        lambda root: edit_metadata(root, lambda data: data["stems"]["S01"].pop("plugin_name")),
        r"metadata\.yaml' lacks the key 'plugin_name'",
    ),
    "no stems": (lambda root: edit_metadata(root, lambda data: data.update(stems={})), "'Track00001' has no stems"),
}


@pytest.mark.parametrize("kind", BREAK)
def test_what_is_broken_is_named_or_skipped(kind: str, slakh: Path) -> None:
    spoil, message = BREAK[kind]
    spoil(slakh)
    with pytest.raises(CorpusError, match=message):
        load_corpus(slakh, "slakh")
    corpus = load_corpus(slakh, "slakh", skip_bad=True)
    whole = {track.id: [stem.name for stem in track.stems] for track in corpus.tracks}
    # A stem without a leaf is left out alone; anything else spoils the song.
    assert whole.pop("Track00001", None) == (["S00"] if kind == "label" else None)
    assert list(whole) == ["Track00003", "Track02000"]
    assert [(problem.track, problem.kind) for problem in corpus.problems] == [("train/Track00001", kind)]


def test_every_problem_of_a_song_is_found(slakh: Path) -> None:
    _resample(slakh)
    shutil.copy(stem_file(slakh), stem_file(slakh).with_name("S03.wav"))
    edit_metadata(slakh, lambda data: data["stems"].update({f"S0{n}": data["stems"]["S01"].copy() for n in (3, 4, 5)}))
    stem_file(slakh).with_name("S04.wav").write_text("text")
    problems = load_corpus(slakh, "slakh", skip_bad=True).problems
    assert sorted(problem.kind for problem in problems) == ["missing", "sample rate", "sample rate", "unreadable"]
    shutil.rmtree(stem_file(slakh).parent)
    assert [problem.kind for problem in load_corpus(slakh, "slakh", skip_bad=True).problems] == ["missing"] * 5


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("musdb18-hq", "mixture.wav"),
        ("dsd100", "mixture.wav"),
        ("moisesdb", "data.json"),
        ("medleydb", "*_METADATA.yaml"),
        ("ms21", "*_METADATA.yaml"),
    ],
)
def test_a_song_does_not_vanish_with_the_file_that_tells_of_it(
    kind: str, file: str, corpora: Callable[[str], Path]
) -> None:
    root = corpora(kind)
    told = next(root.rglob(file))
    if kind not in ("musdb18-hq", "dsd100"):  # where nothing is told, the folder is no such corpus
        (root / "other").mkdir()
        (root / "other" / file.replace("*", "other")).write_text('{"stems": 1}')
    told.unlink()
    (gone,) = [
        problem for problem in check_corpus(root, kind).problems if re.search("missing|No such", problem.message)
    ]
    assert told.name in gone.message


def test_wrong_folder_kind_and_hierarchy(tmp_path: Path, slakh: Path) -> None:
    with pytest.raises(CorpusError, match=r"no folder '.*none'"):
        load_corpus(tmp_path / "none", "slakh")
    with pytest.raises(CorpusError, match="holds no songs in the layout 'moisesdb': check folder and kind"):
        load_corpus(slakh, "moisesdb")
    with pytest.raises(OptionError, match="no kind of corpus 'slak'; did you mean slakh"):
        load_corpus(slakh, "slak")
    with pytest.raises(HierarchyError, match="no hierarchy 'ms22'"):
        load_corpus(slakh, "slakh", "ms22")


def test_one_song_in_two_splits(slakh: Path) -> None:
    shutil.copytree(slakh / "train" / "Track00001", slakh / "test" / "Track00001")
    with pytest.raises(CorpusError, match="'train/Track00001' and 'test/Track00001' are both the song 'Track00001'"):
        load_corpus(slakh, "slakh")


def test_a_song_whose_name_is_no_text(tmp_path: Path) -> None:
    """Tables cannot hold it, so that it would end the measuring of all others."""
    for song in (b"good", b"lat\xe9n"):
        (tmp_path / os.fsdecode(song)).mkdir()
        soundfile.write(tmp_path / "x.wav", [0.1, 0.2] * 50, 8000)
        (tmp_path / "x.wav").rename(tmp_path / os.fsdecode(song) / "bass.wav")
    corpus = load_corpus(tmp_path, "folder", skip_bad=True)
    assert [track.id for track in corpus.tracks] == ["good"]
    assert [problem.kind for problem in corpus.problems] == ["name"]
    with pytest.raises(CorpusError, match="is not valid text: rename it; leave it out with --skip-bad"):
        load_corpus(tmp_path, "folder")


def test_hidden_folders_are_no_songs(slakh: Path, tmp_path: Path) -> None:
    """Such as what a recipe that was killed had written of a song."""
    for place in (tmp_path / "own" / "train" / "song", tmp_path / "own" / "train" / ".song.0123.partial"):
        place.mkdir(parents=True)
        soundfile.write(place / "bass.wav", [0.1, 0.2] * 50, 8000)
    assert [track.id for track in load_corpus(tmp_path / "own", "folder").tracks] == ["song"]
    before = load_corpus(slakh, "slakh", skip_bad=True).problems
    shutil.copytree(slakh / "train" / "Track00001", slakh / "train" / ".Track00001.0123.partial")
    assert load_corpus(slakh, "slakh", skip_bad=True).problems == before
