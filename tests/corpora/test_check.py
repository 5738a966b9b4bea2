import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import yaml

from stemtree.corpora.check import check_corpus


@pytest.mark.parametrize("kind", ["slakh", "musdb18-hq", "musdb18", "dsd100", "medleydb", "ms21", "moisesdb", "folder"])
def test_whole_corpora_have_no_problems(kind: str, corpora: Callable[[str], Path]) -> None:
    assert check_corpus(corpora(kind), kind).problems == ()


@pytest.mark.parametrize("hierarchy", ["slakh", "ms21"])
def test_a_real_slakh_song(hierarchy: str) -> None:
    """Its first seconds, with the metadata as published: the mixture is the sum of its ten stems."""
    corpus = check_corpus(Path(__file__).parents[1] / "support" / "corpora" / "babyslakh", "slakh", hierarchy)
    assert corpus.problems == ()
    (track,) = corpus.tracks
    assert (track.id, track.origin) == ("Track00001", "1a81ae092884234f3264e2f45927f00a")
    assert (track.sample_rate, track.num_samples, len(track.stems)) == (16000, 32000, 10)
    assert track.mixture is not None
    whole = soundfile.read(track.mixture.path, dtype="int16")[0].astype(int)
    parts = sum(soundfile.read(stem.file.path, dtype="int16")[0].astype(int) for stem in track.stems)
    assert abs(whole - parts).max() <= 5  # each rounded by itself
    guitars = {"slakh": "strings_guitar_keyboards/guitar", "ms21": "accompaniment/other/electric_guitar"}[hierarchy]
    assert [stem.name for stem in track.stems_of(guitars)] == ["S00", "S07", "S08"]


def test_a_mixture_that_is_not_the_sum(slakh: Path) -> None:
    file = slakh / "test" / "Track02000" / "stems" / "S00.wav"
    audio, rate = soundfile.read(file)
    soundfile.write(file, 0.5 * audio, rate)
    (problem,) = check_corpus(slakh, "slakh").problems
    assert (problem.track, problem.kind) == ("Track02000", "sum")
    # Two equally loud stems, half of one amiss: a quarter of half the energy.
    assert "mix.wav' is not the sum of its stems at 0.0 s: -9." in problem.message


def _resample_mixture(file: Path) -> None:
    audio, rate = soundfile.read(file)
    soundfile.write(file, audio, 2 * rate)


def _shorten_mixture(file: Path) -> None:
    audio, rate = soundfile.read(file)
    soundfile.write(file, audio[:-5], rate)


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (Path.unlink, "missing", r"the mixture '.*mix\.wav' is missing"),
        (_resample_mixture, "sample rate", r"mix\.wav' has 16000 Hz and '.*S00\.wav' 8000 Hz"),
        (_shorten_mixture, "length", r"mix\.wav' has 15995 samples and '.*S00\.wav' 16000"),
        (lambda file: file.write_text("text"), "unreadable", r"mix\.wav' cannot be read as audio"),
    ],
)
def test_a_mixture_that_cannot_be_compared(spoil, kind: str, message: str, slakh: Path) -> None:
    spoil(slakh / "test" / "Track02000" / "mix.wav")
    (problem,) = check_corpus(slakh, "slakh").problems
    assert (problem.track, problem.kind) == ("Track02000", kind)
    assert re.search(message, problem.message)


def test_a_copy_under_another_name_in_another_split(corpora: Callable[[str], Path]) -> None:
    root = corpora("musdb18-hq")
    shutil.copytree(root / "train" / "Artist - train song", root / "test" / "Somebody - else")
    (problem,) = check_corpus(root, "musdb18-hq").problems
    assert problem.kind == "across splits"
    assert "several splits: Somebody - else (test), Artist - train song (train)" in problem.message
    for split in ("train", "test"):  # two songs without vocals are not one song
        for file in (root / split).glob("*/vocals.wav"):
            soundfile.write(file, np.zeros(16000, np.int16), 8000)
    shutil.rmtree(root / "test" / "Somebody - else")
    assert {problem.kind for problem in check_corpus(root, "musdb18-hq").problems} == {"sum"}


def test_stems_that_are_cut_off(corpora: Callable[[str], Path]) -> None:
    root = corpora("musdb18")
    assert check_corpus(root, "musdb18").problems == ()
    file = next(root.rglob("*.stem.mp4"))
    with (
        av.open(str(file)) as whole,
        av.open(str(file.with_name("x.mp4")), "w", options={"movflags": "faststart"}) as f,
    ):
        streams = [f.add_stream_from_template(stream) for stream in whole.streams]
        for packet in whole.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                f.mux(packet)
    content = file.with_name("x.mp4").read_bytes()
    file.with_name("x.mp4").unlink()
    file.write_bytes(content[: len(content) * 6 // 10])  # its index in front still tells of all
    corpus = check_corpus(root, "musdb18")
    assert corpus.tracks == ()
    assert {problem.kind for problem in corpus.problems} == {"unreadable"}

    root = corpora("moisesdb")
    file = next(root.rglob("*.wav"))
    soundfile.write(file.with_suffix(".flac"), *soundfile.read(file))
    content = file.with_suffix(".flac").read_bytes()
    file.unlink()
    file.with_suffix(".flac").write_bytes(content[: len(content) * 9 // 10])
    metadata = root / "song-id" / "data.json"
    data = json.loads(metadata.read_text())
    for track in (track for stem in data["stems"] for track in stem["tracks"] if track["id"] == file.stem):
        track["extension"] = "flac"
    metadata.write_text(json.dumps(data))
    (problem,) = check_corpus(root, "moisesdb").problems
    assert problem.kind == "unreadable" and f"{file.stem}.flac' is" in problem.message


def test_one_origin_in_two_splits(slakh: Path) -> None:
    for place in ("train/Track00001", "train/Track00003", "test/Track02000"):
        file = slakh / place / "metadata.yaml"
        file.write_text(
            yaml.safe_dump(yaml.safe_load(file.read_text()) | {"UUID": "same" if "03" not in place else "x"})
        )
    (problem,) = check_corpus(slakh, "slakh").problems
    assert problem.kind == "across splits"
    assert "(same) is in several splits: Track02000 (test), Track00001 (train)" in problem.message


def test_songs_of_other_rates_and_channels(slakh: Path) -> None:
    def rewrite(song: Path, rate: int, channels: int) -> None:
        for file in song.rglob("*.wav"):
            audio = soundfile.read(file, dtype="int16")[0]
            soundfile.write(file, np.stack([audio] * channels, axis=1), rate)

    rewrite(slakh / "test" / "Track02000", 16000, 1)
    (problem,) = check_corpus(slakh, "slakh").problems
    assert (problem.track, problem.kind) == ("Track02000", "sample rate")
    assert "songs differ in their sample rate: 2 are 8000 Hz, 1 is 16000 Hz, such as 'Track02000'" in problem.message
    rewrite(slakh / "test" / "Track02000", 8000, 2)
    (problem,) = check_corpus(slakh, "slakh").problems
    assert "songs differ in their channels: 2 are mono, 1 is stereo, such as 'Track02000'" in problem.message


@pytest.mark.parametrize("position", [0.05, 0.35, 0.9])
def test_nan_anywhere_in_files_of_floats(position: float, slakh: Path) -> None:
    """Only files that can hold it are read whole, and once."""
    file = slakh / "test" / "Track02000" / "stems" / "S00.wav"
    audio, rate = soundfile.read(file)
    audio[int(position * len(audio))] = np.nan
    soundfile.write(file, audio, rate, "FLOAT")
    reported: list[tuple[int, int | None]] = []
    corpus = check_corpus(slakh, "slakh", progress=lambda done, total: reported.append((done, total)))
    (problem,) = corpus.problems
    assert (problem.track, problem.kind) == ("Track02000", "unreadable")
    assert f"S00.wav' holds NaN or infinity at sample {int(position * len(audio))}" in problem.message
    assert [track.id for track in corpus.tracks] == ["Track00001", "Track00003"]
    assert reported[:1] == [(1, None)] and reported[-1] == (3, 3)
