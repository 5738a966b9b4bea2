"""``stemtree query`` with the model that comes along, on a real song."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.page_songs import decode, read_call
from support.stopping import stop_while_writing

import stemtree
from stemtree.model import load_model
from stemtree.model_card import Card
from stemtree.model_files import CARD, README, WEIGHTS, card_file, has_model
from stemtree.separation.splitters.abilities import DRUM_MODEL, QUERY_MODEL

PATH = ("level_3/level_2/level_1", "level_3/level_2/rest", "level_3/rest", "rest")
RATE = 44100

pytestmark = pytest.mark.usefixtures("shipped_query_model")


@pytest.fixture
def example(tmp_path: Path, excerpt: np.ndarray) -> Path:
    """Another second of the song as a recording of its own."""
    soundfile.write(tmp_path / "example.wav", excerpt[:, 2 * RATE : 3 * RATE].T, RATE, "PCM_16")
    return tmp_path / "example.wav"


def steps(folder: Path, name: str) -> np.ndarray:
    return soundfile.read(folder / f"{name}.wav", dtype="int16")[0].astype(int)


def test_an_example(cli, wav: Path, example: Path, tmp_path: Path) -> None:
    outcome = cli("query", wav, "--like", example, "-o", tmp_path / "out")
    assert outcome.code == 0 and "level_3/level_2/level_1.wav" in outcome.out
    folder, song = tmp_path / "out" / "song", steps(tmp_path, "song")
    np.testing.assert_array_equal(sum(steps(folder, leaf) for leaf in PATH), song)
    assert all(steps(folder, leaf).any() for leaf in PATH)
    manifest = json.loads((folder / "tree.json").read_text("utf-8"))
    assert manifest["splitters"][0]["like"]["file"] == "example.wav"
    for level, name in ((3, "level_3"), (1, "level_3/level_2/level_1")):
        assert cli("query", wav, "--like", example, "--level", level, "-o", tmp_path / f"{level}").code == 0
        found = steps(tmp_path / f"{level}" / "song", name)
        np.testing.assert_allclose(found, steps(folder, name), atol=1)  # alone it is rounded to the nearest step


def test_an_example_from_the_song_itself(cli, tmp_path: Path, excerpt: np.ndarray) -> None:
    soundfile.write(tmp_path / "song.wav", excerpt[:, : 2 * RATE].T, RATE, "PCM_16")
    soundfile.write(tmp_path / "part.wav", excerpt[:, RATE // 2 : RATE].T, RATE, "PCM_16")
    words = ("query", tmp_path / "song.wav", "-o")
    assert cli(*words, tmp_path / "cut", "--like", tmp_path / "part.wav").code == 0
    assert cli(*words, tmp_path / "out", "--from", "0:00.5-0:01").code == 0
    for leaf in PATH:
        expected = steps(tmp_path / "cut" / "song", leaf)
        np.testing.assert_array_equal(steps(tmp_path / "out" / "song", leaf), expected)
    song = steps(tmp_path, "song")
    np.testing.assert_array_equal(sum(steps(tmp_path / "out" / "song", leaf) for leaf in PATH), song)


def test_a_folder_of_examples(cli, wav: Path, example: Path, tmp_path: Path) -> None:
    (tmp_path / "like").mkdir()
    for name in ("clean_guitars", "bass", "clarinet"):
        (tmp_path / "like" / f"{name}.wav").write_bytes(example.read_bytes())
    outcome = cli("query", wav, "--like", tmp_path / "like", "--present", -100, "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "out" / "song"
    tree = json.loads((folder / "tree.json").read_text("utf-8"))["hierarchy"]["tree"]
    assert list(tree) == ["strings_guitar_keyboards", "bass", "winds_voices", "rest"]
    assert "single_reeds" in tree["winds_voices"]["winds"]
    np.testing.assert_array_equal(sum(steps(folder, family) for family in tree), steps(tmp_path, "song"))


@pytest.mark.parametrize(
    ("like", "jobs", "number", "status"), [("example.wav", 1, signal.SIGINT, 130), ("like", 2, signal.SIGTERM, 143)]
)
def test_it_is_stopped_and_run_again(
    like: str,
    jobs: int,
    number: signal.Signals,
    status: int,
    cli,
    example: Path,
    excerpt: np.ndarray,
    shipped_query_model: Path,
    tmp_path: Path,
) -> None:
    songs, out = [tmp_path / f"{name}.wav" for name in ("a", "b")[:jobs]], tmp_path / "out"
    for song in songs:
        soundfile.write(song, np.tile(excerpt, 12).T, RATE, "PCM_16")  # 36 s: three blocks and more
    (tmp_path / "like").mkdir()
    for name in ("bass", "clarinet"):
        shutil.copy(example, tmp_path / "like" / f"{name}.wav")
    words = ("query", *songs, "--like", tmp_path / like, "--model", shipped_query_model, "-o", out, "-j", jobs)
    words += ("--present", -100) if like == "like" else ()
    code, err = stop_while_writing(words, out, number)
    assert code == status, err
    assert err.endswith("stemtree: stopped; the song at hand left nothing behind, run again to go on\n")
    assert err.count("\n") == jobs and not out.exists()  # of several songs it says how many at once
    assert cli(*words).code == 0
    assert sorted(folder.name for folder in out.iterdir()) == [song.stem for song in songs]


def test_the_page(cli, wav: Path, example: Path, tmp_path: Path) -> None:
    """Of one answer and what is left, and of a tree: everything on is the song."""
    (tmp_path / "like").mkdir()
    (tmp_path / "like" / "clarinet.wav").write_bytes(example.read_bytes())
    for name, words, leaves in (
        ("whole", ("--page",), [*PATH]),
        ("one", ("--level", 1, "--page", "opus"), ["level_3/level_2/level_1", "everything else"]),
        ("tree", ("--like", tmp_path / "like", "--present", -100, "--page"), None),
    ):
        like = () if "--like" in words else ("--like", example)
        outcome = cli("query", wav, *like, *words, "-o", tmp_path / name)
        assert outcome.code == 0 and outcome.out.endswith("page/index.html\n"), outcome.err
        page = tmp_path / name / "song" / "page"
        (song,) = read_call(page / "data" / "song.js")
        paths = [song["nodes"][leaf["node"]]["path"] for leaf in song["leaves"]]
        assert leaves is None or paths == leaves
        assert song["covers"] and song["exact"] == ("opus" not in words)
        if song["exact"]:
            heard = sum(decode(song, page, leaf) for leaf in range(len(paths)))
            np.testing.assert_array_equal(heard, steps(tmp_path, "song"))
    assert "a page cannot play 'mp3'" in cli("query", wav, "--from", "0-1", "--page=mp3").err


def test_what_is_there_is_kept(cli, wav: Path, example: Path, shipped_query_model: Path, tmp_path: Path) -> None:
    """Whatever is wrong with an example or a model, stems of an earlier query stay as they are."""
    assert cli("query", wav, "--like", example, "--level", 3, "-o", tmp_path / "out").code == 0
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    for name, length in (("silent", RATE), ("short", 1000), ("empty", 0), ("like/bass", RATE)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", np.full((length, 2), 0.3 * (name == "short")), RATE)
    for words, message in (
        (("--like", tmp_path / "silent.wav"), "silent.wav' is silent: give a stretch in which"),
        (("--like", tmp_path / "short.wav"), "short.wav' has 1000 samples: give at least one window of 4096"),
        (("--like", tmp_path / "empty.wav"), "empty.wav' holds no samples: give audio of at least one sample"),
        (("--like", tmp_path / "like"), "bass.wav' is silent: give a stretch in which"),
        (("--from", "0:05-0:06"), "song.wav' ends before 0:05-0:06: give a stretch within it"),
        (("--from", "0:00-0:06"), " s, within 0:00-0:06: give a stretch within it"),
        (("--like", example, "--model", DRUM_MODEL), "takes no example: use stemtree separate --splitter"),
        (("--like", tmp_path / "like", "--model", DRUM_MODEL), "takes no example: use stemtree separate --splitter"),
    ):
        outcome = cli("query", wav, *words, "--overwrite", "-o", tmp_path / "out")
        assert outcome.code == 1 and message in outcome.err and outcome.err.count("\n") == 1
    outcome = cli("separate", wav, "--splitter", shipped_query_model, "--overwrite", "-o", tmp_path / "out")
    assert outcome.code == 1 and "separates what an example points at: use stemtree query" in outcome.err
    assert {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()} == before


def test_in_python(excerpt: np.ndarray) -> None:
    song = excerpt[:, :RATE]
    found = stemtree.query(song, RATE, like=(excerpt[:, RATE:].T, RATE))
    np.testing.assert_allclose(sum(found[leaf].audio for leaf in PATH), song, atol=1e-6)
    np.testing.assert_allclose(found["level_3"].audio + found["rest"].audio, song, atol=1e-6)
    other = stemtree.query(song, RATE, stretch="0-0:00.3")
    assert not np.allclose(other["level_3"].audio, found["level_3"].audio)  # the example matters


def test_it_is_listed(cli) -> None:
    row = next(line for line in cli("models").out.splitlines() if line.startswith(" queries "))
    assert "MIT" in row and "slakh" in row and "level_1" in row
    page = cli("models", "--show", "queries").out
    assert "stemtree query song.wav --like example.wav\n" in page and "SI-SDR improvement" in page


@pytest.mark.skipif(not has_model(QUERY_MODEL), reason="this checkout holds no model for queries")
def test_what_comes_along() -> None:
    """It tells what is in a song; its card has figures and licences; the package stays small."""
    assert {file.name for file in QUERY_MODEL.iterdir()} == {CARD, WEIGHTS, README}
    text = card_file(QUERY_MODEL).read_text("utf-8")
    assert Card.model_validate_json(text).as_file() == json.loads(text)
    card = load_model(QUERY_MODEL).card
    assert len(card.training["targets"]) == 17 and card.channels == 2 and card.stft.sample_rate == RATE
    assert card.network.knows_classes and card.present_db is None
    assert set(card.metrics["openmsx"]) == set(card.nodes) == {"level_3/level_2/level_1", "level_3/level_2", "level_3"}
    assert card.licences["songs"] and card.licences["sounds"]


def test_a_stretch_of_a_pipe(cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    outcome = cli("query", tmp_path / "pipe", "--from", "0-1", "-o", tmp_path / "out")
    assert (outcome.code, (tmp_path / "out").exists()) == (1, False)
    assert outcome.err.endswith("pipe' is a pipe: save it as a file, or give --like\n")
