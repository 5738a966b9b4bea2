import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.corpora.registry import KINDS
from stemtree.corpora.track import AudioFile
from stemtree.data.signals import node_signals
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


def test_medleydbs_metadata(tmp_path: Path) -> None:
    """`Unlabeled` and `Main System` name no instrument: those stems are left out and reported, not the song."""
    song = "PaperBoats_LowTide"
    metadata = Path(__file__).parents[1] / "support" / "corpora" / "medleydb" / f"{song}_METADATA.yaml"
    (tmp_path / "Metadata").mkdir()
    shutil.copy(metadata, tmp_path / "Metadata")
    folder = tmp_path / "Audio" / song
    (folder / f"{song}_STEMS").mkdir(parents=True)
    for name in (f"{song}_MIX.wav", *(f"{song}_STEMS/{song}_STEM_{number:02}.wav" for number in range(1, 7))):
        soundfile.write(folder / name, np.linspace(-0.5, 0.5, 16000), 8000)
    with pytest.raises(CorpusError, match=f"stem 'S04' of '{song}': hierarchy 'medleydb' has no leaf for .*Unlabeled"):
        load_corpus(tmp_path, "medleydb")
    for corpus in (load_corpus(tmp_path, "medleydb", skip_bad=True), check_corpus(tmp_path, "medleydb")):
        (track,) = corpus.tracks
        assert {stem.name: stem.leaf for stem in track.stems} == {
            "S01": "accompaniment/bass",
            "S02": "vocal/lead_vocal",
            "S03": "vocal/backing_vocal",
            "S06": "accompaniment/other/fx_processed_sound",
        }
        assert track.split is None and track.mixture is not None and track.mixture.path.exists()
        assert [problem.kind for problem in corpus.problems] == ["label", "label"]
        assert "'S05'" in corpus.problems[1].message and "'Main System'" in corpus.problems[1].message


def test_published_split_sizes() -> None:
    """Slakh2100: 1500/375/225 songs; redux 1289/270/151; split2 has as many in each split as the original."""
    from stemtree.corpora.slakh import _published_changes

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
    _edit(slakh, lambda data: data["stems"]["S00"].update(audio_rendered=False))
    (_stem(slakh).with_name("S00.wav")).unlink()
    corpus = load_corpus(slakh, "slakh")
    assert [stem.name for stem in corpus.tracks[0].stems] == ["S01"]
    (note,) = corpus.notes
    assert note.message == "stem 'S00' of 'Track00001' was not rendered (metadata.yaml says so) and is left out"
    for file in list(slakh.rglob("*.wav")):
        soundfile.write(file.with_suffix(".flac"), *soundfile.read(file))
        file.unlink()
    _edit(slakh, lambda data: data["stems"]["S00"].pop("audio_rendered"))
    with pytest.raises(CorpusError, match=r"the stem '.*S00\.flac' is missing"):
        load_corpus(slakh, "slakh")


def test_dsd100s_splits(corpora: Callable[[str], Path]) -> None:
    root = corpora("dsd100")
    corpus = load_corpus(root, "dsd100")
    assert [track.split for track in corpus.tracks] == ["train", "test"]
    assert corpus.tracks[0].mixture == AudioFile(root / "Mixtures" / "Dev" / corpus.tracks[0].id / "mixture.wav")
    shutil.rmtree(root / "Sources" / "Test")
    with pytest.raises(CorpusError, match=r"Sources/Test/051.*drums\.wav' is missing"):
        load_corpus(root, "dsd100")


def test_moisesdbs_tracks_of_unequal_length(corpora: Callable[[str], Path]) -> None:
    """As in the publisher's own loader: the tracks of a stem end together, and a stem that ends early is silent."""
    root = corpora("moisesdb")
    song = root / "song-id"
    lengths = {"vocals/vocals-0": 15000, "guitar/guitar-0": 16100, "guitar/guitar-1": 15900, "drums/drums-0": 16000}
    written = {}
    for number, (name, length) in enumerate(lengths.items()):
        written[name] = np.random.default_rng(number).integers(-3000, 3000, length).astype(np.int16)
        soundfile.write(song / f"{name}.wav", written[name], 8000)
    corpus = load_corpus(root, "moisesdb")
    (track,) = corpus.tracks
    assert track.num_samples == 16000
    assert [note.message for note in corpus.notes] == [
        "'song-id': 3 of 4 stems end before the song does and are silent from there on",
        "'song-id': 1 of 4 stems are cut where the shortest of their group ends",
    ]
    vocals, guitar, drums, whole = node_signals(track, ("vocals", "guitar", "drums", ""), 14000, 2000, mono=True)
    expected = {name: np.zeros(2000) for name in lengths}
    for name, samples in written.items():
        end = 15900 if name.startswith("guitar") else lengths[name]
        expected[name][: end - 14000] = samples[14000:end] / 2**15
    np.testing.assert_allclose(vocals[0], expected["vocals/vocals-0"], atol=1e-6)
    np.testing.assert_allclose(guitar[0], expected["guitar/guitar-0"] + expected["guitar/guitar-1"], atol=1e-6)
    np.testing.assert_allclose(drums[0], expected["drums/drums-0"], atol=1e-6)
    np.testing.assert_allclose(whole[0], sum(expected.values()), atol=1e-6)
    (late,) = node_signals(track, ("vocals",), 15500, 500, mono=True)  # after the file's end
    assert not late.any()
    assert check_corpus(root, "moisesdb").problems == ()


def test_flac(tmp_path: Path, slakh: Path) -> None:
    for file in list(slakh.rglob("*.wav")):
        soundfile.write(file.with_suffix(".flac"), *soundfile.read(file))
        file.unlink()
    assert len(load_corpus(slakh, "slakh").tracks) == 3


def _stem(root: Path) -> Path:
    return root / "train" / "Track00001" / "stems" / "S01.wav"


def _edit(root: Path, change: Callable[[dict], object]) -> None:
    file = root / "train" / "Track00001" / "metadata.yaml"
    data = yaml.safe_load(file.read_text())
    change(data)
    file.write_text(yaml.safe_dump(data))


def _resample(root: Path) -> None:
    audio, rate = soundfile.read(_stem(root))
    soundfile.write(_stem(root), audio, 2 * rate)


def _shorten(root: Path) -> None:
    audio, rate = soundfile.read(_stem(root))
    soundfile.write(_stem(root), audio[:-5], rate)


BREAK = {
    "missing": (lambda root: _stem(root).unlink(), r"the stem '.*S01\.wav' is missing: complete the copy"),
    "unreadable": (lambda root: _stem(root).write_text("text"), r"S01\.wav' cannot be read as audio"),
    "sample rate": (_resample, r"S01\.wav' has 16000 Hz and '.*S00\.wav' 8000 Hz: resample"),
    "length": (_shorten, r"S01\.wav' has 15995 samples and '.*S00\.wav' 16000: pad"),
    "label": (
        lambda root: _edit(
            root,
            lambda data: data["stems"]["S01"].update(plugin_name="x.nkm", is_drum=False, midi_program_name="Kazoo"),
        ),
        "stem 'S01' of 'Track00001': hierarchy 'slakh' has no leaf for the label 'x.nkm' or 'Kazoo'",
    ),
    "metadata": (
        lambda root: _edit(root, lambda data: data["stems"]["S01"].pop("plugin_name")),
        r"metadata\.yaml' lacks the key 'plugin_name'",
    ),
    "no stems": (lambda root: _edit(root, lambda data: data.update(stems={})), "'Track00001' has no stems"),
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
    shutil.copy(_stem(slakh), _stem(slakh).with_name("S03.wav"))
    _edit(slakh, lambda data: data["stems"].update({f"S0{n}": data["stems"]["S01"].copy() for n in (3, 4, 5)}))
    _stem(slakh).with_name("S04.wav").write_text("text")
    problems = load_corpus(slakh, "slakh", skip_bad=True).problems
    assert sorted(problem.kind for problem in problems) == ["missing", "sample rate", "sample rate", "unreadable"]
    shutil.rmtree(_stem(slakh).parent)
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


def _slots(data: object) -> Iterator[tuple[Any, Any]]:
    """Every container in nested data with every key or index of it."""
    items = list(data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ())
    for key, below in items:
        yield data, key
        yield from _slots(below)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("slakh", "metadata.yaml"),
        ("medleydb", "*_METADATA.yaml"),
        ("ms21", "*_METADATA.yaml"),
        ("moisesdb", "data.json"),
    ],
)
def test_no_value_in_metadata_crashes(kind: str, name: str, corpora: Callable[[str], Path]) -> None:
    """Each value in turn is of another type, or a name that no file can have; what loads can be checked and shown."""
    root = corpora(kind)
    shutil.rmtree(root / "train", ignore_errors=True)  # one song is enough
    (file,) = root.rglob(name)
    data = yaml.safe_load(file.read_text())
    refused = 0
    for container, key in _slots(data):
        kept = container[key]
        for wrong in (None, 5, [1], {"a": 1}, "x" * 600):
            container[key] = wrong
            file.write_text(json.dumps(data))
            corpus = check_corpus(root, kind)
            assert all(isinstance(text, str | None) for track in corpus.tracks for text in (track.split, track.origin))
            refused += bool(corpus.problems)
        container[key] = kept
    assert refused > 20


def test_metadata_that_no_parser_takes(tmp_path: Path, slakh: Path) -> None:
    file = slakh / "train" / "Track00001" / "metadata.yaml"
    for text in ("[" * 5000, "stems: 2001-13-45", "stems: !!timestamp x", "stems: !!int x", "stems: {S00: \xff}"):
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(CorpusError, match=r"metadata\.yaml' is not valid YAML: copy it again"):
            load_corpus(slakh, "slakh")
    (tmp_path / "moises" / "song").mkdir(parents=True)
    (tmp_path / "moises" / "song" / "data.json").write_text("[" * 100_000)
    with pytest.raises(CorpusError, match=r"data\.json' is not valid JSON"):
        load_corpus(tmp_path / "moises", "moisesdb")


def test_a_folder_whose_name_is_not_utf8(slakh: Path, cli) -> None:
    place = slakh / "train" / "Track00001"
    place.rename(os.fsdecode(os.fsencode(place) + b"\xff"))
    outcome = cli("corpus", "check", slakh, "--kind", "slakh")
    assert (outcome.code in (0, 1) and "3 songs can be read" in outcome.out) or "UnicodeEncodeError" not in outcome.out


def test_metadata_that_is_not_yaml_or_not_there(slakh: Path) -> None:
    metadata = slakh / "train" / "Track00001" / "metadata.yaml"
    metadata.write_text("stems: [")
    with pytest.raises(CorpusError, match=r"metadata\.yaml' is not valid YAML: copy it again"):
        load_corpus(slakh, "slakh")
    metadata.unlink()
    with pytest.raises(CorpusError, match=r"cannot read the metadata '.*metadata\.yaml': No such file"):
        load_corpus(slakh, "slakh")
    shutil.rmtree(slakh / "train")
    assert len(load_corpus(slakh, "slakh").tracks) == 1
