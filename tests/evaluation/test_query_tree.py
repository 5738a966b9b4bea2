import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import soundfile
from support.noise_corpus import make_corpus
from support.query_models import make_query_model

from stemtree.corpora.track import Corpus, Track
from stemtree.data.signals import node_signals
from stemtree.errors import EvaluationError, OptionError
from stemtree.evaluation.query_tree import TreeJudge, draw_songs, evaluate_query_tree
from stemtree.evaluation.rows import SCHEMA
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.store import RowStore
from stemtree.evaluation.tree_store import SongRows
from stemtree.hierarchy import Hierarchy

RATE = 8000
BASS, DRUMS, OTHER = (f"accompaniment/{name}" for name in ("bass", "drums", "other"))


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """Bass in three songs, drums in one, others in none; the bass of the last is silent but for its first chunk."""
    monkeypatch.setattr("support.noise_corpus.RATE", RATE)
    corpus = make_corpus(tmp_path / "corpus", [["vocals", BASS, DRUMS], ["vocals", BASS], ["vocals", BASS]])
    file = corpus.tracks[2].stems[1].file.path
    audio, _ = soundfile.read(file)
    audio[2 * RATE :] = 0
    soundfile.write(file, audio, RATE, "PCM_16")
    return corpus


class TrueTree:
    """Finds what it is told to, and separates it without any error but a factor."""

    by_loudness = True

    def __init__(self, corpus: Corpus, hierarchy: Hierarchy, found: dict[str, tuple[str, ...]]) -> None:
        self.corpus, self.found, self.asked = corpus, found, []
        self.stack = SimpleNamespace(
            targets=(BASS, DRUMS, OTHER), asked_hierarchy=hierarchy, examples={}, ask=self.asked.append
        )

    def listen(self, source) -> dict[str, float]:
        self.song = next(track for track in self.corpus.tracks if track.id == source.name)
        return {leaf: -3.0 if leaf in self.found[source.name] else -40.0 for leaf in self.asked[-1]}

    def there(self, loudness) -> tuple[str, ...]:
        return tuple(leaf for leaf, decibels in loudness.items() if decibels > -20)

    def separator_of(self, leaves) -> "TrueTree":
        self.nodes = (*leaves, "accompaniment")
        return self

    def separate(self, source) -> list[SimpleNamespace]:
        audio = node_signals(self.song, self.nodes, 0, self.song.num_samples, mono=True)
        return [SimpleNamespace(path=node, audio=of / 2) for node, of in zip(self.nodes, audio, strict=True)]


def test_known_answers(songs: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    """The first song has bass, drums and vocals, the others bass and vocals; drums are in one song only."""
    tree = TrueTree(songs, hierarchy, {"0": (BASS,), "1": (BASS,), "2": ()})
    done: list[tuple[int, int]] = []
    rows = TreeJudge(tree, songs, settings).measure(songs.tracks, lambda *at: done.append(at))  # type: ignore[arg-type]
    assert done == [(1, 3), (2, 3), (3, 3)] and rows.problems == ()
    assert rows.leaves.drop("loudness_db", "log_odds").rows() == [
        ("0", BASS, True, True),  # drums are in no other song: there is no example
        ("1", BASS, True, True),
        ("1", DRUMS, False, False),
        ("2", BASS, True, False),
        ("2", DRUMS, False, False),
    ]
    assert rows.nodes.schema == SCHEMA and set(rows.nodes["node"]) == {"accompaniment", BASS, DRUMS}
    counted = rows.nodes.filter(status="counted")
    right = counted.filter(pl.col("track").is_in(["0", "1"]))
    assert right.height == 12 and right["si_sdr"].min() == pytest.approx(100)  # a factor costs nothing
    bass = right.filter(node=BASS, track="1")
    assert bass["si_sdr_improvement"].to_list() == pytest.approx([100, 100, 100], abs=1)  # noise as loud beside it
    missed = counted.filter(track="2", node=BASS)
    assert missed.height == 1 and math.isnan(missed["si_sdr_improvement"][0])
    assert dict(rows.nodes.select("node", "level").iter_rows()) == {"accompaniment": 2, BASS: 1, DRUMS: 1}


def test_examples_are_chunks_of_other_songs(songs: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    judge = TreeJudge(TrueTree(songs, hierarchy, {}), songs, settings)  # type: ignore[arg-type]
    (example,) = judge.examples_for(songs.tracks[0]).values()
    song = next(track for track in songs.tracks if track.id == example.origin["song"])
    start = example.origin["sample"]
    assert song.id != "0" and isinstance(start, int)
    (truth,) = node_signals(song, (BASS,), start, 2 * RATE, mono=True)
    np.testing.assert_array_equal(example.samples, truth)
    assert judge.examples_for(songs.tracks[0])[BASS].origin == example.origin


def test_a_real_model(songs: Corpus, settings: EvaluationSettings, tmp_path: Path) -> None:
    model = make_query_model(tmp_path / "model", [BASS, DRUMS, OTHER], RATE)
    options = {"present_db": -60.0, "device": "cpu"}
    chosen = draw_songs(songs, 2, 0)
    assert len(chosen) == 2 and draw_songs(songs, 9, 0) == songs.tracks
    file = tmp_path / "new" / "rows.parquet"
    rows, tree = evaluate_query_tree(model, songs, settings, songs=chosen, file=file, **options)  # type: ignore[arg-type]
    assert rows.leaves["found"].any() and set(rows.leaves["track"]) == {song.id for song in chosen}
    assert set(rows.nodes["node"]) <= set(tree.paths)
    assert pl.read_parquet(file).equals(rows.nodes)
    assert pl.read_parquet(file.with_name("rows.leaves.parquet")).equals(rows.leaves)
    assert sorted(path.name for path in file.parent.iterdir()) == ["rows.leaves.parquet", "rows.parquet"]
    for there in (file, file.with_name("rows.leaves.parquet")):
        with pytest.raises(EvaluationError, match=f"{there.name}' is there already: give another file with -o"):
            evaluate_query_tree(model, songs, settings, songs=chosen, file=file, **options)  # type: ignore[arg-type]
        there.unlink()


def test_a_stopped_run_goes_on(
    songs: Corpus, settings: EvaluationSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_query_model(tmp_path / "model", [BASS, DRUMS, OTHER], RATE)
    whole, _ = evaluate_query_tree(model, songs, settings, present_db=-60.0, device="cpu")
    file, measure, asked = tmp_path / "rows.parquet", TreeJudge._song, []

    def stop_at_the_second(self: TreeJudge, track: Track) -> SongRows:
        asked.append(track.id)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return measure(self, track)

    monkeypatch.setattr(TreeJudge, "_song", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        evaluate_query_tree(model, songs, settings, present_db=-60.0, device="cpu", file=file)
    with pytest.raises(EvaluationError, match=r"holds another evaluation \(its estimator is"):
        evaluate_query_tree(model, songs, settings, present_db=-50.0, device="cpu", file=file)
    rows, _ = evaluate_query_tree(model, songs, settings, present_db=-60.0, device="cpu", file=file)
    assert asked == ["0", "1", "1", "2"]
    assert rows.leaves.equals(whole.leaves) and rows.nodes.equals(whole.nodes)
    assert pl.read_parquet(file).equals(whole.nodes)


def test_a_run_that_ended_between_its_two_files_goes_on(
    songs: Corpus, settings: EvaluationSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_query_model(tmp_path / "model", [BASS, DRUMS, OTHER], RATE)
    file, join, measure, asked = tmp_path / "rows.parquet", RowStore.join, TreeJudge._song, []

    def stop_at_the_nodes(self: RowStore, names: list[str]) -> pl.DataFrame:
        if self.file == file:
            raise KeyboardInterrupt
        return join(self, names)

    def count(self: TreeJudge, track: Track) -> SongRows:
        asked.append(track.id)
        return measure(self, track)

    monkeypatch.setattr(TreeJudge, "_song", count)
    with monkeypatch.context() as stopped:
        stopped.setattr(RowStore, "join", stop_at_the_nodes)
        with pytest.raises(KeyboardInterrupt):
            evaluate_query_tree(model, songs, settings, present_db=-60.0, device="cpu", file=file)
    assert file.with_name("rows.leaves.parquet").exists() and not file.exists()
    rows, _ = evaluate_query_tree(model, songs, settings, present_db=-60.0, device="cpu", file=file)
    assert asked == ["0", "1", "2"]
    assert pl.read_parquet(file).equals(rows.nodes)
    assert sorted(path.name for path in tmp_path.glob("rows*")) == ["rows.leaves.parquet", "rows.parquet"]


def test_a_song_that_cannot_be_asked_for(songs: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    alone = Corpus(songs.root, "folder", "mine", songs.tracks[:1])
    rows = TreeJudge(TrueTree(alone, hierarchy, {}), alone, settings).measure(alone.tracks)  # type: ignore[arg-type]
    assert rows.leaves.is_empty() and rows.nodes.is_empty()
    assert rows.problems == (
        "'0' was not measured: no leaf that the model knows is salient in another song: give examples with --like",
    )
    with pytest.raises(OptionError):
        draw_songs(alone, 0, 0)
