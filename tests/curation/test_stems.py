import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
import soxr
import yaml
from support.multitracks import BAND, RATE, ffmpeg_loudness, read_song, sound, write_annotation, write_session

from stemtree.corpora.check import check_corpus
from stemtree.corpora.load import load_corpus
from stemtree.curation.bleed.table import Leak, LeakRow, write_leaks
from stemtree.curation.sessions.songs import SongFacts
from stemtree.curation.stems.build import StemReport, build_stems
from stemtree.curation.stems.mixdown import STEPS, StemSettings
from stemtree.curation.stems.write import song_id
from stemtree.errors import OptionError

SONG = "Ana Luz - Río Abajo"
ID = "AnaLuz_RíoAbajo"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_annotation(tmp_path / "annotation.csv", write_session(tmp_path / "raw", SONG))
    return tmp_path


def build(place: Path, settings: StemSettings | None = None, **options: object) -> StemReport:
    files = (place / "raw", place / "annotation.csv", place / "MS21")
    return build_stems(*files, settings or StemSettings(), workers=1, **options)  # type: ignore[arg-type]


def test_layout_is_medleydbs_and_our_loader_takes_it(raw: Path) -> None:
    report = build(raw)
    assert (report.made, report.problems, report.notes) == ([SONG], [], [])
    assert sorted(file.name for file in (raw / "MS21" / ID).iterdir()) == [
        f"{ID}{ending}" for ending in ("_METADATA.yaml", "_MIX.wav", "_RAW", "_STEMS")
    ]
    corpus = check_corpus(raw / "MS21", "ms21")
    assert corpus.problems == () and corpus.tracks[0].adds_up
    assert [stem.leaf.rpartition("/")[2] for stem in corpus.tracks[0].stems] == [
        "lead_vocal", "backing_vocal", "bass", "drum_set", "nontonal_percussion", "pianos", "electric_guitar",
    ]  # fmt: skip
    data, _ = read_song(raw / "MS21" / ID)
    assert data["set_aside"] == ["12_RoomMic.wav", "13_KickTrigger.wav"]
    assert (data["Lead_Back_both"], data["Guitar_Both"], data["instrumental"]) == (1, 0, "no")


def test_metadata_as_the_medleydb_tools_read_them(raw: Path) -> None:
    """What their ``MultiTrack`` looks up, key by key."""
    build(raw)
    place = raw / "MS21" / ID
    data = yaml.safe_load((place / f"{ID}_METADATA.yaml").read_text("utf-8"))
    artist, title = ID.split("_")
    assert (artist, title) == ("AnaLuz", "RíoAbajo")
    for key in ("excerpt", "has_bleed", "instrumental"):
        assert data[key] in ("yes", "no", "unknown")
    for key in ("artist", "title", "album", "origin", "genre", "version"):
        assert isinstance(data[key], str)
    for key in ("composer", "producer", "website"):
        assert isinstance(data[key], list)
    assert (place / data["mix_filename"]).is_file()
    for number, stem in data["stems"].items():
        assert int(number[1:]) == int(stem["filename"].removesuffix(".wav").rpartition("_")[2])
        assert isinstance(stem["instrument"], str) and stem["component"] in ("", "melody", "bass")
        assert (place / data["stem_dir"] / stem["filename"]).is_file()
        for take, track in stem["raw"].items():
            assert track["filename"] == f"{ID}_RAW_{number[1:]}_{take[1:]}.wav" and track["instrument"]
            raw_file = place / data["raw_dir"] / track["filename"]
            assert raw_file.read_bytes() == (raw / "raw" / SONG / track["original"]).read_bytes()


@pytest.mark.parametrize("width", ["float", "pcm24", "pcm16"])
@pytest.mark.parametrize("stereo", [True, False])
def test_stems_add_up_without_rounding(raw: Path, width: str, stereo: bool) -> None:
    build(raw, StemSettings(width=width, stereo=stereo))  # type: ignore[arg-type]
    data, audio = read_song(raw / "MS21" / ID)
    for group in data["musdb_stems"].values():
        stems = sum(audio[data["stems"][stem]["filename"]] for stem in group["stems"])
        np.testing.assert_array_equal(stems, audio[group["filename"]])
    groups = sum(audio[group["filename"]] for group in data["musdb_stems"].values())
    np.testing.assert_array_equal(groups, audio["mix"])
    assert {signal.shape for signal in audio.values()} == {(2 * RATE, 2 if stereo else 1)}
    assert np.abs(audio["mix"]).max() > 0.1


def test_levels_by_an_independent_meter(raw: Path) -> None:
    build(raw)
    data, audio = read_song(raw / "MS21" / ID)
    stems = raw / "MS21" / ID / data["stem_dir"]
    for node, group in data["musdb_stems"].items():
        if node == "percussion":
            assert np.abs(audio[group["filename"]]).max() == pytest.approx(10 ** (-1 / 20), abs=1e-5)
        else:
            assert ffmpeg_loudness(stems / group["filename"], raw / "log") == pytest.approx(-25, abs=0.1)
    for stem in data["stems"].values():
        found = ffmpeg_loudness(stems / stem["filename"], raw / "log")
        assert found == pytest.approx(stem["loudness_lufs"], abs=0.1)


def test_as_in_the_thesis_instrument_stems_keep_their_level(raw: Path) -> None:
    build(raw, StemSettings(as_thesis=True))
    data, audio = read_song(raw / "MS21" / ID)
    stems = raw / "MS21" / ID / data["stem_dir"]
    for stem in data["stems"].values():
        if "percussion" in stem["node"]:
            assert stem["peak_dbfs"] == pytest.approx(-1, abs=1e-3)
        else:
            assert ffmpeg_loudness(stems / stem["filename"], raw / "log") == pytest.approx(-25, abs=0.1)
    for group in data["musdb_stems"].values():  # the recorded gain leads from one to the other
        total = sum(audio[data["stems"][stem]["filename"]] for stem in group["stems"])
        np.testing.assert_allclose(total * 10 ** (group["gain_db"] / 20), audio[group["filename"]], atol=1e-4)
    assert data["musdb_stems"]["other"]["gain_db"] < -1
    assert check_corpus(raw / "MS21", "ms21").problems == ()


def test_a_stem_is_the_sum_of_its_normalised_tracks(raw: Path) -> None:
    """A twin that holds everything in memory, for guitars of mono files in the middle."""
    build(raw)
    data, audio = read_song(raw / "MS21" / ID)
    meter = pyloudnorm.Meter(RATE, "DeMan")

    def levelled(signal: np.ndarray) -> np.ndarray:
        return signal * 10 ** ((-25 - meter.integrated_loudness(signal)) / 20)

    tracks = [soundfile.read(raw / "raw" / SONG / name)[0] for name in ("06_ElecGtr1.wav", "07_ElecGtr1DT.wav")]
    guitars = levelled(sum(levelled(np.stack([track, track], axis=1)) for track in tracks))
    stem = next(stem for stem in data["stems"].values() if stem["instrument"] == "electric_guitar")
    expected = guitars * 10 ** (stem["carried_gain_db"] / 20)
    np.testing.assert_allclose(audio[stem["filename"]], expected, atol=2e-4)


def test_recorded_balance_keeps_the_tracks_proportions(raw: Path) -> None:
    quiet = raw / "raw" / SONG / "07_ElecGtr1DT.wav"
    soundfile.write(quiet, soundfile.read(quiet)[0] * 0.1, RATE, "PCM_24")
    build(raw, StemSettings(recorded_balance=True))
    data, audio = read_song(raw / "MS21" / ID)
    stem = next(stem for stem in data["stems"].values() if stem["instrument"] == "electric_guitar")
    tracks = sum(soundfile.read(raw / "raw" / SONG / track["original"])[0] for track in stem["raw"].values())
    left = audio[stem["filename"]][:, 0]
    gain = (left @ tracks) / (tracks @ tracks)
    np.testing.assert_allclose(left, gain * tracks, atol=1e-5)


def test_pairs_go_left_and_right_and_takes_where_asked(raw: Path) -> None:
    build(raw, StemSettings(automix=True))
    data, _ = read_song(raw / "MS21" / ID)
    pan = {track["original"]: track["pan"] for stem in data["stems"].values() for track in stem["raw"].values()}
    assert (pan["02_Overheads L.wav"], pan["03_Overheads R.wav"], pan["01_Kick.wav"]) == (-1, 1, 0)
    assert (pan["06_ElecGtr1.wav"], pan["07_ElecGtr1DT.wav"]) == (-0.9, 0.9)
    assert (pan["10_BackingVox1.wav"], pan["11_BackingVox2.wav"]) == (-0.7, 0.7)
    gains = {track["original"]: track["gain_db"] for stem in data["stems"].values() for track in stem["raw"].values()}
    assert gains["02_Overheads L.wav"] == gains["03_Overheads R.wav"]


def test_other_rates_and_lengths(raw: Path) -> None:
    folder = raw / "raw" / SONG
    bass = sound(50, 1.5, 48000)
    soundfile.write(folder / "05_BassDI.wav", bass.T, 48000, "PCM_24")
    build(raw)
    data, audio = read_song(raw / "MS21" / ID)
    assert {len(signal) for signal in audio.values()} == {2 * RATE}
    stem = next(stem for stem in data["stems"].values() if stem["instrument"] == "bass")
    assert stem["raw"]["R01"]["sample_rate"] == 48000
    expected = soxr.resample(bass[0], 48000, RATE)
    found = audio[stem["filename"]][:, 0]
    scaled = expected * (found[: len(expected)] @ expected) / (expected @ expected)
    np.testing.assert_allclose(found[: len(expected)], scaled, atol=1e-5)
    assert not found[len(expected) + 1 :].any()


def test_what_is_there_is_left_and_a_corrected_label_redoes_its_song(raw: Path) -> None:
    rows = write_session(raw / "raw", "Other - Song", {"01_Bass.wav": "Electric_Bass", "02_Pno.wav": "Piano"}, seed=2)
    rows += [(SONG, name, label) for name, label in BAND.items()]
    write_annotation(raw / "annotation.csv", rows)
    assert sorted(build(raw).made) == sorted([SONG, "Other - Song"])
    before = {file: file.stat().st_mtime_ns for file in (raw / "MS21" / ID).rglob("*.wav")}
    assert sorted(build(raw).kept) == sorted([SONG, "Other - Song"])
    set_split(raw / "MS21" / "Other_Song")
    write_annotation(raw / "annotation.csv", [(*row[:2], "Violin" if "Pno" in row[1] else row[2]) for row in rows])
    report = build(raw)
    assert (report.made, report.kept) == (["Other - Song"], [SONG])
    data, _ = read_song(raw / "MS21" / "Other_Song")
    assert [stem["instrument"] for stem in data["stems"].values()] == ["bass", "strings"] and data["split"] == "test"
    assert {file: file.stat().st_mtime_ns for file in (raw / "MS21" / ID).rglob("*.wav")} == before


def set_split(place: Path) -> None:
    file = place / f"{place.name}_METADATA.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text("utf-8")) | {"split": "test"}), "utf-8")


def test_a_corrected_genre_redoes_the_metadata_alone(raw: Path) -> None:
    songs = raw / "songs.csv"
    songs.write_text("song,artist,title,genre\n" + f"{SONG},Ana Luz,Río Abajo,Pop\n", "utf-8")
    build(raw, songs=songs)
    mixture = (raw / "MS21" / ID / f"{ID}_MIX.wav").stat().st_mtime_ns
    songs.write_text(songs.read_text("utf-8").replace("Pop", "Jazz"), "utf-8")
    assert build(raw, songs=songs).described == [SONG]
    data, _ = read_song(raw / "MS21" / ID)
    assert data["genre"] == "Jazz" and (raw / "MS21" / ID / f"{ID}_MIX.wav").stat().st_mtime_ns == mixture


def test_a_run_that_dies_leaves_nothing_half_done(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stemtree.curation.stems.build.write_metadata", die)
        with pytest.raises(KeyboardInterrupt):
            build(raw)
    assert list((raw / "MS21").iterdir()) == []
    assert build(raw).made == [SONG]
    (raw / "MS21" / ID / f"{ID}_MIX.wav").unlink()  # somebody cleaned up too much
    assert build(raw).made == [SONG]


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (lambda file: file.write_bytes(b"no audio"), "stems", "cannot be read as audio"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "stems", "is cut off"),
        (lambda file: soundfile.write(file, np.zeros((99, 32)), RATE), "stems", "has 32 channels: mix it down"),
        (lambda file: soundfile.write(file, np.full(99, np.nan), RATE, "FLOAT"), "stems", "NaN or infinity"),
        (lambda file: file.unlink(), "missing", "holds no file '08_Piano.wav'"),
    ],
)
def test_a_bad_track_spoils_its_song_or_is_left_out(
    raw: Path, spoil: Callable[[Path], None], kind: str, said: str
) -> None:
    spoil(raw / "raw" / SONG / "08_Piano.wav")
    report = build(raw)
    assert report.made == [] and not (raw / "MS21" / ID).exists()
    assert [problem.kind for problem in report.problems] == [kind] and said in report.problems[0].message
    report = build(raw, StemSettings(skip_bad=True))
    assert report.made == [SONG]
    data, _ = read_song(raw / "MS21" / ID)
    assert "pianos" not in [stem["instrument"] for stem in data["stems"].values()]
    assert len(data["left_out"]) == 1 and said in data["left_out"][0]
    again = build(raw, StemSettings(skip_bad=True))
    assert again.kept == [SONG]
    for told in (report, again):
        assert [problem.message for problem in (*told.problems, *told.notes) if said in problem.message] != []


def test_silent_tracks_and_songs(raw: Path) -> None:
    folder = raw / "raw" / SONG
    soundfile.write(folder / "08_Piano.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "05_BassDI.wav", np.random.default_rng(0).normal(0, 1e-5, RATE), RATE, "PCM_24")
    (note,) = build(raw).notes
    assert note.kind == "silent" and note.message.endswith("05_BassDI.wav, 08_Piano.wav")
    data, _ = read_song(raw / "MS21" / ID)
    assert data["silent"] == ["05_BassDI.wav", "08_Piano.wav"] and "bass" not in data["musdb_stems"]
    for name in BAND:
        soundfile.write(folder / name, np.zeros(RATE), RATE)
    report = build(raw)
    assert "no track has any signal" in report.problems[0].message
    assert (raw / "MS21" / ID).exists(), "what was made before is not lost"


def test_leaking_tracks_are_recorded_and_left_out(raw: Path) -> None:
    leaks = [
        LeakRow(SONG, name, label, Leak("Vox1" in name, -12.5, "Drum_Kick", "01_Kick.wav"))
        for name, label in BAND.items()
    ]
    write_leaks(raw / "bleed.csv", leaks)
    build(raw, bleed=raw / "bleed.csv")
    data, _ = read_song(raw / "MS21" / ID)
    assert (data["has_bleed"], data["Vocal_Quality"]) == ("yes", 0)
    assert data["bleed"]["10_BackingVox1.wav"]["from_label"] == "Drum_Kick"
    build(raw, StemSettings(drop_bleed=True), bleed=raw / "bleed.csv")
    data, _ = read_song(raw / "MS21" / ID)
    originals = [track["original"] for stem in data["stems"].values() for track in stem["raw"].values()]
    assert "10_BackingVox1.wav" not in originals and "11_BackingVox2.wav" in originals
    assert (data["has_bleed"], data["Vocal_Quality"]) == ("no", 1)
    with pytest.raises(OptionError, match="nothing says which tracks leak"):
        build(raw, StemSettings(drop_bleed=True))


def test_songs_of_one_id_and_folders_of_others(raw: Path) -> None:
    rows = write_session(raw / "raw", "ANA LUZ - Río... Abajo!", {"01_Bass.wav": "Electric_Bass"}, seed=2)
    write_annotation(raw / "annotation.csv", rows + [(SONG, name, label) for name, label in BAND.items()])
    report = build(raw)
    assert len(report.made) == 1 and [problem.kind for problem in report.problems] == ["duplicate"]
    taken = raw / "foreign" / "ANALUZ_RíoAbajo"
    taken.mkdir(parents=True)
    (taken / "thesis.txt").write_text("precious")
    report = build_stems(raw / "raw", raw / "annotation.csv", raw / "foreign", StemSettings(), workers=1)
    assert any("holds something else" in problem.message for problem in report.problems)
    assert (taken / "thesis.txt").exists()


def test_the_longest_name_that_a_file_system_takes(raw: Path) -> None:
    name = "長" * 84  # 252 bytes
    write_annotation(raw / "annotation.csv", write_session(raw / "raw", name, {"a.wav": "Piano", "b.wav": "Violin"}))
    assert build(raw).made == [name]
    assert len(load_corpus(raw / "MS21", "ms21").tracks[0].stems) == 2


def test_stems_do_not_go_among_raw_tracks(raw: Path) -> None:
    with pytest.raises(OptionError, match="holds the raw tracks"):
        build_stems(raw / "raw", raw / "annotation.csv", raw / "MS21" / ".." / "raw", StemSettings())


def test_ids() -> None:
    ids = [
        ("A Classic Education", "Night Owl", "AClassicEducation_NightOwl"),
        ("W.I.N.D.", "Don't Care (feat. X)", "WIND_DontCareFeatX"),
        ("हिन्दी गीत", "मेरा", "हिन्दीगीत_मेरा"),
        ("", "Solo", "UnknownArtist_Solo"),
    ]
    for artist, title, expected in ids:
        assert song_id(SongFacts(title, artist)) == expected
    assert song_id(SongFacts("???", "!!!")) != song_id(SongFacts("!?", "!!!"))


@pytest.mark.parametrize("bad", [{"sample_rate": 100}, {"width": "pcm32"}])
def test_settings_that_cannot_be(bad: dict) -> None:
    with pytest.raises(OptionError):
        dataclasses.replace(StemSettings(), **bad)


def test_labels_of_one_leaf_are_described_again_without_mixing(raw: Path) -> None:
    build(raw)
    before = (raw / "MS21" / ID / f"{ID}_MIX.wav").stat().st_mtime_ns
    text = (raw / "annotation.csv").read_text("utf-8")
    assert "Electric_Bass" in text and "Ambient_Microphone" in text
    (raw / "annotation.csv").write_text(text.replace("Electric_Bass", "Synth_Bass"), "utf-8")
    assert build(raw).described == [SONG]
    data, _ = read_song(raw / "MS21" / ID)
    labels = {track["instrument"] for stem in data["stems"].values() for track in stem["raw"].values()}
    assert "Synth_Bass" in labels and "Electric_Bass" not in labels
    assert (raw / "MS21" / ID / f"{ID}_MIX.wav").stat().st_mtime_ns == before
    assert build(raw).kept == [SONG]


@pytest.mark.parametrize("as_thesis", [True, False])
def test_recorded_gains_lead_from_raw_tracks_to_the_mixture(raw: Path, as_thesis: bool) -> None:
    """Everything that was done to levels can be undone: what is left of the raw tracks' sums is rounding."""
    build(raw, StemSettings(as_thesis=as_thesis))
    data, audio = read_song(raw / "MS21" / ID)
    step = 1 / STEPS["float"]

    def factor(gain: float) -> float:
        return 10 ** (gain / 20)

    mono = [stem for stem in data["stems"].values() if all(t["channels"] == 1 for t in stem["raw"].values())]
    mono = [stem for stem in mono if all(t["sample_rate"] == RATE for t in stem["raw"].values())]
    assert len(mono) >= 3
    for stem in mono:
        total = np.zeros((2 * RATE, 2))
        for track in stem["raw"].values():
            signal, _ = soundfile.read(raw / "raw" / SONG / track["original"], dtype="float64")
            angle = (track["pan"] + 1) * np.pi / 4
            total[: len(signal)] += factor(track["gain_db"]) * signal[:, None] * [np.cos(angle), np.sin(angle)]
        total *= factor(stem["gain_db"] + stem["carried_gain_db"])
        np.testing.assert_allclose(audio[stem["filename"]], total, atol=step)  # spooled as 32-bit floats, then rounded
    if as_thesis:
        for group in data["musdb_stems"].values():
            total = factor(group["gain_db"]) * sum(audio[data["stems"][stem]["filename"]] for stem in group["stems"])
            np.testing.assert_allclose(audio[group["filename"]], total, atol=4 * step)
        total = sum(audio[group["filename"]] for group in data["musdb_stems"].values())
        np.testing.assert_allclose(audio["mix"], factor(data["overall_gain_db"]) * total, atol=step)
