import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.noise_corpus import RATE, SECONDS, SHORT, make_corpus
from torch.utils.data import DataLoader

from stemtree.audio.held import HeldFiles
from stemtree.audio.plain_wav import PlainWav
from stemtree.corpora.track import Corpus, Track
from stemtree.data import dataset
from stemtree.data.augmentation import Augmentation
from stemtree.data.dataset import Examples, TrainingExample
from stemtree.data.salience import SalienceIndex, salience_index
from stemtree.data.sampling import ChunkPosition, ChunkSampler, SamplingRules
from stemtree.errors import HierarchyError, OptionError
from stemtree.hierarchy import Hierarchy, Node, load


def make_examples(
    corpus: Corpus,
    hierarchy: Hierarchy,
    targets: list[str],
    rules: SamplingRules,
    nodes: list[str] | None = None,
    **options,
) -> Examples:
    index = salience_index(corpus, hierarchy, corpus.root / "index.parquet", SHORT)
    sampler = ChunkSampler(corpus, index, hierarchy, targets, rules)
    return Examples(sampler, nodes, size=options.pop("size", 5), **options)


def slow_sum(corpus: Corpus, example: TrainingExample, node: str) -> np.ndarray:
    """The sum of a node's whole files, cut afterwards: (channel, sample)."""
    track = next(track for track in corpus.tracks if track.id == example["track"])
    total = np.zeros((track.num_samples, 1))
    for stem in track.stems:
        if not node or stem.leaf == node or stem.leaf.startswith(node + "/"):
            total = total + soundfile.read(stem.file.path, always_2d=True)[0]
    start = round(example["start"] * RATE)
    return total[start : start + RATE].T


def test_a_path_leaf_first(tmp_path: Path) -> None:
    hierarchy = load("musdb18")
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass", "accompaniment/bass", "accompaniment/drums"]] * 2)
    for example in make_examples(corpus, hierarchy, ["accompaniment/bass"], SamplingRules()):
        assert example["mixture"].shape == (1, RATE) and example["nodes"].shape == (2, 1, RATE)
        assert example["mixture"].dtype == torch.float32
        for signal, node in zip(example["nodes"], ("accompaniment/bass", "accompaniment"), strict=True):
            np.testing.assert_allclose(signal, slow_sum(corpus, example, node), atol=1e-6)
        np.testing.assert_allclose(example["mixture"], slow_sum(corpus, example, ""), atol=1e-6)
        assert example["known"].tolist() == [True, True]


def test_truth_begins_where_a_leak_and_its_source_meet(tmp_path: Path) -> None:
    """A guitar leaks into the piano: their family is known, and so is everything else."""
    piano, guitar, bass = "accompaniment/other/pianos", "accompaniment/other/electric_guitar", "accompaniment/bass"
    corpus = make_corpus(tmp_path, [[piano, guitar, bass, "vocal/lead_vocal"]] * 2)
    tracks = [
        replace(track, stems=(replace(track.stems[0], leaks=(guitar,)), *track.stems[1:])) for track in corpus.tracks
    ]
    leaking, nodes = (
        replace(corpus, tracks=tuple(tracks)),
        [piano, guitar, bass, "accompaniment/other", "accompaniment"],
    )
    for songs, leaks, known in (
        (leaking, "ancestor", [False, False, True, True, True]),
        (leaking, "ignored", [True] * 5),
        (corpus, "ancestor", [True] * 5),
    ):
        rules = SamplingRules(leaks=leaks)  # type: ignore[arg-type]
        for example in make_examples(songs, load("ms21"), [guitar], rules, nodes):
            assert example["known"].tolist() == known


NAMES = st.sampled_from("abcd")
TREES = st.recursive(st.just({}), lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=3)).filter(bool)


@given(tree=TREES, data=st.data())
@settings(deadline=None, max_examples=25)
def test_any_tree(tree: dict, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """On any tree, every node's signal is the slow sum of its files, and a parent that of its children."""

    def node(name: str, below: dict) -> Node:
        return Node(name, tuple(node(*item) for item in below.items()))

    hierarchy = Hierarchy("any", node("mixture", tree))
    leaves = st.lists(st.sampled_from(hierarchy.leaves()), min_size=1, max_size=5)
    songs = data.draw(st.lists(leaves, min_size=1, max_size=2))
    corpus = make_corpus(tmp_path_factory.mktemp("any"), songs)
    target = songs[0][0]
    examples = make_examples(corpus, hierarchy, [target], SamplingRules(), list(hierarchy.paths), size=2)
    for example in examples:
        signals = dict(zip(hierarchy.paths, example["nodes"], strict=True))
        for path, signal in signals.items():
            np.testing.assert_allclose(signal, slow_sum(corpus, example, path), atol=1e-6)
            if children := hierarchy.children(path):
                np.testing.assert_allclose(signal, sum(signals[child] for child in children), atol=1e-6)


def test_query_and_unknown_leaves(tmp_path: Path) -> None:
    hierarchy = load("musdb18")
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass"], ["accompaniment/bass"], ["vocals"]])
    examples = make_examples(corpus, hierarchy, ["accompaniment/bass"], SamplingRules(query=True, missing=1), size=10)
    for example in examples:
        assert example["known"].tolist() == [False, True]
        assert example["query"].shape == (1, RATE)
        other = {"0": "1", "1": "0"}[example["track"]]
        whole = soundfile.read(next(t for t in corpus.tracks if t.id == other).stems_of("accompaniment")[0].file.path)[
            0
        ]
        assert any(np.allclose(example["query"][0], whole[s : s + RATE]) for s in range(0, len(whole), RATE // 2))


BASS, DRUMS = "accompaniment/bass", "accompaniment/drums"


def test_what_is_unknown_below_a_target(tmp_path: Path) -> None:
    """Of a sub-tree whose truth is missing the leaves, not the nodes above them."""
    hierarchy = load("musdb18")
    corpus = make_corpus(tmp_path, [["vocals", BASS, DRUMS]])
    (example,) = make_examples(
        corpus, hierarchy, ["accompaniment"], SamplingRules(missing=1), ["accompaniment", BASS, DRUMS, "vocals"], size=1
    )
    assert example["known"].tolist() == [True, False, False, True]
    (example,) = make_examples(
        corpus, hierarchy, [BASS], SamplingRules(missing=1), ["accompaniment", DRUMS, BASS], size=1
    )
    assert example["known"].tolist() == [True, True, False]


@pytest.mark.parametrize("mode", ["all", "leaf"])
def test_known_leaves_come_from_chunks_whose_truth_is_there(mode: str, tmp_path: Path) -> None:
    hierarchy = load("musdb18")
    corpus = make_corpus(tmp_path, [[BASS], [BASS]])
    rules = SamplingRules(missing=0.6, missing_mode=mode, seed=2)  # type: ignore[arg-type]
    options = {"shift": 0.4, "other_song": 0.3, "doubled": 0.3}
    examples = make_examples(corpus, hierarchy, [BASS], rules, [BASS], size=60, augmentation=Augmentation(**options))
    sampler = ChunkSampler(
        corpus, salience_index(corpus, hierarchy, tmp_path / "index.parquet", SHORT), hierarchy, [BASS], rules
    )
    whole = [soundfile.read(track.stems[0].file.path, dtype="float32")[0] for track in corpus.tracks]
    starts = range(0, SECONDS * RATE - RATE + 1, RATE // 2)
    chunks = {(song, n): audio[s : s + RATE] for song, audio in enumerate(whole) for n, s in enumerate(starts)}
    seen = set()
    for example in examples:
        signal = example["nodes"][0, 0].numpy()
        matches = [place for place, chunk in chunks.items() if np.dot(signal, chunk) > 0.9 * np.dot(chunk, chunk)]
        missing = any(sampler.is_missing(ChunkPosition(*place)) for place in matches)
        assert matches and example["known"].tolist() == [not missing]
        seen.add(missing)
    assert seen == ({False} if mode == "all" else {False, True})


def test_what_is_dropped_leaves_something_of_the_mixture(tmp_path: Path) -> None:
    hierarchy, bass = load("musdb18"), "accompaniment/bass"
    corpus = make_corpus(tmp_path, [["vocals", bass, "accompaniment/drums"], ["vocals", "vocals", bass]], channels=2)
    augmentation, nodes = Augmentation(drop=0.9), ["accompaniment/drums", bass]
    examples = make_examples(
        corpus,
        hierarchy,
        [bass],
        SamplingRules(),
        nodes,
        root="accompaniment",
        mono=False,
        size=50,
        augmentation=augmentation,
    )
    present = []
    for example in examples:
        assert example["mixture"].shape == (2, RATE) and example["mixture"].any()
        torch.testing.assert_close(example["mixture"], example["nodes"].sum(dim=0))
        present.append(tuple(bool(node.any()) for node in example["nodes"]))
    assert set(present) >= {(True, False), (False, True)}


def test_a_query_shares_no_song_with_its_target(tmp_path: Path) -> None:
    hierarchy = load("musdb18")
    corpus = make_corpus(tmp_path, [[BASS], [BASS], [BASS]])
    for augmentation in (Augmentation(other_song=1.0), Augmentation(doubled=1.0)):
        songs = set()
        examples = make_examples(
            corpus, hierarchy, [BASS], SamplingRules(query=True), [BASS], size=30, augmentation=augmentation
        )
        for number, example in enumerate(examples):
            query = examples.sampler.draw(number).query
            assert query is not None
            asked = corpus.tracks[query.track]
            start = int(examples.sampler.index.chunking.starts(asked)[query.chunk])
            expected = soundfile.read(asked.stems[0].file.path, dtype="float32")[0]
            np.testing.assert_array_equal(example["query"][0], expected[start : start + RATE])
            spectrum = np.conj(np.fft.rfft(example["mixture"][0].numpy(), 2 * len(expected)))
            for track in corpus.tracks:  # the song is in the mixture where it correlates
                whole = soundfile.read(track.stems[0].file.path, dtype="float32")[0]
                likeness = np.fft.irfft(np.fft.rfft(whole, 2 * len(expected)) * spectrum).max()
                if likeness > 0.5 * RATE * 0.1**2 / 3:
                    songs.add((track.id == asked.id, track.id == example["track"]))
        assert songs == {(False, False)} if augmentation.other_song else songs == {(False, False), (False, True)}


def test_channels_of_opposite_sign_are_silent_once_averaged(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, [["vocals"]], channels=2)
    path = corpus.tracks[0].stems[0].file.path
    left = soundfile.read(path)[0][:, :1]
    soundfile.write(path, np.hstack([left, -left]), RATE, "PCM_16")
    for mono in (True, False):
        example = make_examples(corpus, load("musdb18"), ["vocals"], SamplingRules(), mono=mono)[0]
        assert bool(example["nodes"].any()) == (not mono)


def test_absent_nodes_are_silent(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, [["vocals"], ["accompaniment/bass"]])
    examples = make_examples(corpus, load("musdb18"), ["accompaniment/bass"], SamplingRules(absent=1))
    for example in examples:
        assert not example["nodes"].any() and example["mixture"].any()


def test_stereo_and_mono(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass"]], channels=2)
    stereo = make_examples(corpus, load("musdb18"), ["vocals"], SamplingRules(), mono=False)[0]
    mono = make_examples(corpus, load("musdb18"), ["vocals"], SamplingRules())[0]
    assert stereo["mixture"].shape == (2, RATE)
    torch.testing.assert_close(mono["nodes"], stereo["nodes"].mean(dim=1, keepdim=True))


def test_mono_songs_have_two_channels_beside_stereo_ones(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, [["vocals"], ["accompaniment/bass"]])
    example = make_examples(corpus, load("musdb18"), ["vocals"], SamplingRules(absent=0.5), mono=False)[0]
    assert example["mixture"].shape == (2, RATE) and example["nodes"].shape == (1, 2, RATE)
    assert example["mixture"].any() and torch.equal(*example["mixture"])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than the machine has cores
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_make_no_difference(workers: int, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass"], ["accompaniment/bass"]])
    examples = make_examples(corpus, load("musdb18"), ["accompaniment/bass"], SamplingRules(query=True), size=6)
    loaded = list(
        DataLoader(examples, batch_size=None, num_workers=workers, multiprocessing_context="fork" if workers else None)
    )
    for ours, theirs in zip(examples, loaded, strict=True):
        assert (ours["track"], ours["start"]) == (theirs["track"], theirs["start"])
        assert torch.equal(ours["nodes"], theirs["nodes"]) and torch.equal(ours["query"], theirs["query"])


def test_flac_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is held in memory, or there is no room for it."""
    rules, nodes = SamplingRules(query=True), ["accompaniment/bass"]
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass"], ["accompaniment/bass"]])
    plain = list(make_examples(corpus, load("musdb18"), nodes, rules, size=6))
    tracks = []
    for track in corpus.tracks:
        files = [replace(stem.file, path=stem.file.path.with_suffix(".flac")) for stem in track.stems]
        for stem, file in zip(track.stems, files, strict=True):
            soundfile.write(file.path, soundfile.read(stem.file.path, dtype="int16")[0], RATE, "PCM_16")
        stems = tuple(replace(stem, file=file) for stem, file in zip(track.stems, files, strict=True))
        tracks.append(replace(track, stems=stems))
    as_flac = replace(corpus, tracks=tuple(tracks))
    for room in (1 << 30, 4 * 2 * SECONDS * RATE, 0):
        monkeypatch.setattr(dataset, "available_memory", lambda room=room: room)
        for ours, theirs in zip(plain, make_examples(as_flac, load("musdb18"), nodes, rules, size=6), strict=True):
            assert all(torch.equal(ours[key], theirs[key]) for key in ("mixture", "nodes", "query"))  # type: ignore[literal-required]


def test_a_reader_holds_its_part_whatever_was_read_before_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    class Recorded(HeldFiles):
        def __init__(self, limit: int) -> None:
            limits.append(limit)
            super().__init__(limit)

        def __reduce__(self) -> tuple[type[HeldFiles], tuple[int]]:
            return Recorded, super().__reduce__()[1]

    monkeypatch.setattr(dataset, "HeldFiles", Recorded)
    monkeypatch.setattr(dataset, "available_memory", lambda: 4000)
    examples = make_examples(make_corpus(tmp_path, [["vocals"]]), load("musdb18"), ["vocals"], SamplingRules(), size=2)
    assert len(list(examples)) == 2 and limits == [1000]
    for in_process in (examples, copy.deepcopy(examples)):  # forked, spawned
        limits.clear()
        with monkeypatch.context() as in_worker:
            in_worker.setattr(dataset, "get_worker_info", lambda: SimpleNamespace(num_workers=4))
            assert len(list(in_process)) == 2 and limits == [250]


def test_only_what_is_needed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass", "accompaniment/drums"]])
    examples = make_examples(corpus, load("musdb18"), ["accompaniment/bass"], SamplingRules())
    reads: list[int] = []
    original = PlainWav.read

    def read(self: PlainWav, start: int, count: int) -> np.ndarray:
        reads.append(count)
        return original(self, start, count)

    monkeypatch.setattr(PlainWav, "read", read)
    examples[0]
    assert reads == [RATE] * 3  # each stem's chunk once


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    hierarchy = load("musdb18")
    corpus = make_corpus(tmp_path, [["vocals", "accompaniment/bass"]])
    with pytest.raises(OptionError, match="paths differ in length"):
        make_examples(corpus, hierarchy, ["vocals", "accompaniment/bass"], SamplingRules())
    with pytest.raises(OptionError, match="`nodes` is empty"):
        make_examples(corpus, hierarchy, ["vocals"], SamplingRules(), [])
    with pytest.raises(OptionError, match="no target to sample chunks for"):
        make_examples(corpus, hierarchy, [], SamplingRules())
    with pytest.raises(HierarchyError, match="no node 'vocal'; did you mean vocals"):
        make_examples(corpus, hierarchy, ["vocals"], SamplingRules(), ["vocal"])
    with pytest.raises(HierarchyError, match="no node 'drums'"):
        make_examples(corpus, hierarchy, ["vocals"], SamplingRules(), root="drums")
    first, index = corpus.tracks[0], salience_index(corpus, hierarchy, tmp_path / "index.parquet", SHORT)
    other = Track("x", "train", 8000, first.num_samples, first.stems)
    mixed = Corpus(tmp_path, "folder", "mine", (first, other))
    with pytest.raises(OptionError, match=r"sample rates of \[4000, 8000\] Hz"):
        Examples(ChunkSampler(mixed, index, hierarchy, ["vocals"], SamplingRules()), size=1)
    assert isinstance(index, SalienceIndex)
    with pytest.raises(IndexError):
        make_examples(corpus, hierarchy, ["vocals"], SamplingRules())[5]


def test_the_lowest_level_of_a_path_is_hidden_where_the_hierarchy_is_deeper(tmp_path: Path) -> None:
    """The targets of the poster's third experiment are inner nodes of Slakh's hierarchy, four levels deep."""
    hierarchy = load("slakh")
    target = "strings_guitar_keyboards/guitar/clean_guitars"
    corpus = make_corpus(tmp_path, [[f"{target}/acoustic_guitar", f"{target}/clean_electric_guitar"]])
    for missing in (0.0, 1.0):
        (example,) = make_examples(corpus, hierarchy, [target], SamplingRules(missing=missing), size=1)
        assert example["known"].tolist() == [not missing, True, True]
