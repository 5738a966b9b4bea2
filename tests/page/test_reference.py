from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.page_songs import make_song, noise, read_call

from stemtree.errors import StemtreeError
from stemtree.page.make import make_page
from stemtree.page.reference import ReferenceReader, measure, write_reference
from stemtree.page.tree import read_tree
from stemtree.page.true_stems import read_reference

RATE = 8000
SAMPLES = 25 * RATE


def true_stem(number: int) -> np.ndarray:
    return noise(number, SAMPLES, 2) // 2


@pytest.fixture
def estimates(tmp_path: Path) -> Path:
    make_song(tmp_path / "song", num_samples=SAMPLES, rate=RATE)
    return tmp_path / "song"


def _si_sdr(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant SDR as its definition reads, all channels one signal."""
    estimate, truth = estimate.reshape(-1).astype(float), truth.reshape(-1).astype(float)
    target = truth * (estimate @ truth) / (truth @ truth)
    return float(10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2)))


def test_another_tree(estimates: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    nodes = make_song(tmp_path / "again", num_samples=SAMPLES, rate=RATE)
    true = make_song(
        tmp_path / "true",
        num_samples=SAMPLES,
        rate=RATE,
        signal=lambda leaf, count, channels: noise(leaf, count, channels) + rng.integers(-99, 99, (count, channels)),
    )
    tree = read_tree(estimates)
    scores = measure(tree, ReferenceReader(read_reference(tree, tmp_path / "true")))
    assert [len(row) for row in scores] == [3] * len(tree.nodes)
    for node, row in zip(tree.nodes, scores, strict=True):
        for chunk, score in enumerate(row):
            part = slice(chunk * 10 * RATE, (chunk + 1) * 10 * RATE)
            assert score == pytest.approx(_si_sdr(nodes[node.path][part], true[node.path][part]), abs=0.01)


def test_files_by_path_name_and_label(estimates: Path, tmp_path: Path) -> None:
    folder = tmp_path / "true"
    (folder / "accompaniment").mkdir(parents=True)
    for number, name in enumerate(("vocal", "accompaniment/bass", "Drum_set", "Honky-tonk Piano", "notes of mine")):
        soundfile.write(folder / f"{name}.wav", true_stem(number).astype(np.int16), RATE, "PCM_16")
    reference = read_reference(read_tree(estimates), folder)
    assert {path: [file.path.stem for file in files] for path, files in reference.files.items()} == {
        "vocal": ["vocal"],
        "accompaniment/bass": ["bass"],
        "accompaniment/percussion/drum_set": ["Drum_set"],
        "accompaniment/other/pianos": ["Honky-tonk Piano"],
    }
    (block,) = ReferenceReader(reference).blocks(SAMPLES)
    step = 4 * 2.0**-23
    assert np.array_equal(block[0] * step, true_stem(0) / 2.0**15)
    assert not block[3].any()  # no shaker
    assert reference.of_node("accompaniment/percussion/nontonal_percussion") == ()


def test_coarser_stems_than_the_estimates(estimates: Path, tmp_path: Path) -> None:
    folder = tmp_path / "true"
    folder.mkdir()
    soundfile.write(folder / "percussion.wav", true_stem(0)[:, :1].astype(np.int16), RATE, "PCM_16")  # mono
    soundfile.write(folder / "vocal.wav", true_stem(1)[: SAMPLES // 2].astype(np.int16), RATE, "PCM_16")  # shorter
    tree = read_tree(estimates)
    reference = read_reference(tree, folder)
    assert reference.of_node("accompaniment/percussion/drum_set") is None
    reader = ReferenceReader(reference)
    (block,) = reader.blocks(SAMPLES)
    assert np.array_equal(block[2][:, 0], block[2][:, 1]) and block[2].any() and not block[3].any()
    assert block[0][: SAMPLES // 2].any() and not block[0][SAMPLES // 2 :].any()
    scores = dict(zip([node.path for node in tree.nodes], measure(tree, reader), strict=True))
    assert scores["accompaniment/percussion/drum_set"] == [None] * 3
    assert scores["accompaniment/percussion"][0] is not None
    assert scores["accompaniment/bass"] == [None] * 3  # a silent truth


def test_everything_else_is_what_a_node_has_beyond_its_rows(tmp_path: Path) -> None:
    make_song(
        tmp_path / "song",
        num_samples=SAMPLES,
        rate=RATE,
        wanted=["vocal", "accompaniment", "accompaniment/bass", "accompaniment/other/pianos"],
    )
    tree = read_tree(tmp_path / "song")
    names = ("vocal", "accompaniment/bass", "accompaniment/percussion/drum_set", "accompaniment/other/pianos")
    stems = {name: true_stem(number).astype(np.int16) for number, name in enumerate(names)}
    stems["accompaniment"] = sum(stems[name] for name in names[1:])  # type: ignore[assignment]
    for known, unknown in (
        (names, ()),
        (("vocal", "accompaniment", "accompaniment/bass", "accompaniment/other/pianos"), ()),
        (("vocal", "accompaniment", "accompaniment/bass"), ("pianos",)),
        (("vocal", "accompaniment"), ("bass", "pianos")),
    ):
        folder = tmp_path / "-".join(known).replace("/", " ")
        for name in known:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}.wav", stems[name], RATE, "PCM_16")
        reader = ReferenceReader(read_reference(tree, folder))
        (block,) = reader.blocks(SAMPLES)
        rows = {node.path: sum(block[leaf] for leaf in node.leaves) / 2**6 for node in tree.nodes}
        np.testing.assert_array_equal(rows["accompaniment"], stems["accompaniment"])
        assert {node.path.rpartition("/")[2] for node in tree.nodes if not reader.reference.knows(node)} == {
            "everything else",
            *unknown,
        }
        if not unknown:
            np.testing.assert_array_equal(rows["accompaniment/everything else"], stems[names[2]])


def test_a_stem_beside_its_own_part_counts_once(estimates: Path, tmp_path: Path) -> None:
    folder = tmp_path / "true"
    (folder / "accompaniment").mkdir(parents=True)
    for number, name in enumerate(("accompaniment", "accompaniment/bass")):
        soundfile.write(folder / f"{name}.wav", true_stem(number).astype(np.int16), RATE, "PCM_16")
    tree = read_tree(estimates)
    (block,) = ReferenceReader(read_reference(tree, folder)).blocks(SAMPLES)
    rows = {node.path: sum(block[leaf] for leaf in node.leaves) / 2**6 for node in tree.nodes}
    np.testing.assert_array_equal(rows["accompaniment"], true_stem(0))
    np.testing.assert_array_equal(rows["accompaniment/bass"], true_stem(1))


def test_a_track_of_a_corpus(estimates: Path, tmp_path: Path) -> None:
    song = tmp_path / "corpus" / "A song"
    song.mkdir(parents=True)
    for number, name in enumerate(("lead_vocal", "bass")):
        soundfile.write(song / f"{name}.wav", true_stem(number).astype(np.int16), RATE, "PCM_16")
    tree = read_tree(estimates)
    reference = read_reference(tree, tmp_path / "corpus", "folder")
    assert set(reference.files) == {"vocal/lead_vocal", "accompaniment/bass"}
    assert reference.of_node("vocal") == reference.files["vocal/lead_vocal"]
    assert read_reference(tree, tmp_path / "corpus", "folder", "A song") == reference
    with pytest.raises(StemtreeError, match="has no song 'Another'"):
        read_reference(tree, tmp_path / "corpus", "folder", "Another")


def test_what_is_written_is_found_again(estimates: Path, tmp_path: Path) -> None:
    make_song(tmp_path / "true", num_samples=SAMPLES, rate=RATE)
    page = make_page(estimates).parent
    reference = read_reference(read_tree(estimates), tmp_path / "true")
    entry = write_reference(reference, page)
    assert entry == page / "compare.html"
    written = read_call(page / "reference" / "song.js")[0]
    assert written["scored"] == 10 and written["scores"][0] == [100.0] * 3 and all(written["known"])
    assert written["audio"]["chunk"] == read_call(page / "data" / "song.js")[0]["audio"]["chunk"]
    made = (page / "reference" / "song.js").stat().st_mtime_ns
    write_reference(reference, page)
    assert (page / "reference" / "song.js").stat().st_mtime_ns == made
    (tmp_path / "true" / "vocal.wav").touch()
    write_reference(reference, page)
    assert (page / "reference" / "song.js").stat().st_mtime_ns > made


@pytest.mark.parametrize("codec", ["flac", "opus"])
def test_chunks_of_both_are_equally_long(
    codec: str, estimates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemtree.page.dataset._CHUNK_BYTES", 2e5)
    make_song(tmp_path / "true", num_samples=SAMPLES, rate=RATE)
    page = make_page(estimates, codec=codec).parent
    write_reference(read_reference(read_tree(estimates), tmp_path / "true"), page)
    lengths = [read_call(page / name / "song.js")[0]["audio"]["chunk"] for name in ("data", "reference")]
    assert lengths[0] == lengths[1] < 8 * RATE
