from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from polars.testing import assert_frame_equal

from stemtree.corpora.track import AudioFile, Corpus
from stemtree.data.salience import Chunking
from stemtree.errors import AudioError, AudioWarning, EvaluationError, OptionError, SamplingError
from stemtree.evaluation.chunk_list import ChunkList, ListedChunk, list_all, read_chunks, select_chunks, write_chunks
from stemtree.evaluation.chunks import choose_chunks
from stemtree.evaluation.estimators.bounds import Mixture
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.evaluate import Selection, evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy

BASS, DRUMS, OTHER = (f"accompaniment/{leaf}" for leaf in ("bass", "drums", "other"))
CHUNKS = Chunking(2, 2)


def places(chunks: ChunkList) -> list[tuple[str, float, str]]:
    return [(chunk.song, chunk.start, chunk.target) for chunk in chunks.chunks]


def test_chunks_in_which_a_target_is_salient(query_corpus: Corpus, hierarchy: Hierarchy) -> None:
    """The bass plays in all songs, in the last only at the beginning; drums play in the first."""
    everywhere = [(song, start) for song in "01" for start in (0.0, 2.0, 4.0)]
    chunks = select_chunks(query_corpus, hierarchy, [BASS], CHUNKS)
    assert places(chunks) == [(song, start, BASS) for song, start in [*everywhere, ("2", 0.0)]]
    assert chunks.targets == (BASS,) and chunks.rule == "target salient at -30 dBFS"
    both = select_chunks(query_corpus, hierarchy, [BASS, DRUMS], CHUNKS)
    assert len(both.chunks) == 10 and both.targets == (BASS, DRUMS)


def test_the_published_rule_also_needs_another_leaf_of_the_family(query_corpus: Corpus, hierarchy: Hierarchy) -> None:
    chunks = select_chunks(query_corpus, hierarchy, [BASS], CHUNKS, with_family=True)
    assert places(chunks) == [("0", start, BASS) for start in (0.0, 2.0, 4.0)]
    # The vocals have no parent but the mixture, so all others are their family; the last song's bass is a moment.
    alone = select_chunks(query_corpus, hierarchy, ["vocals"], CHUNKS, with_family=True)
    assert [chunk.song for chunk in alone.chunks] == ["0"] * 3 + ["1"] * 3 + ["2"]


def test_an_only_child_has_the_family_of_its_parent(query_corpus: Corpus, hierarchy: Hierarchy) -> None:
    only = hierarchy.cut(lambda path: False)
    root = only.root
    bass = replace(root.children[1].children[0], children=(replace(root.children[1].children[0], name="only"),))
    accompaniment = replace(root.children[1], children=(bass, *root.children[1].children[1:]))
    tree = replace(only, root=replace(root, children=(root.children[0], accompaniment)), name="deeper")
    tracks = tuple(
        replace(track, stems=tuple(replace(stem, leaf=stem.leaf.replace(BASS, f"{BASS}/only")) for stem in track.stems))
        for track in query_corpus.tracks
    )
    corpus = replace(query_corpus, tracks=tracks, hierarchy="deeper")
    chunks = select_chunks(corpus, tree, [f"{BASS}/only"], CHUNKS, with_family=True)
    assert [chunk.song for chunk in chunks.chunks] == ["0"] * 3


def test_songs_that_cannot_be_read_are_not_left_out_unasked(
    query_corpus: Corpus, hierarchy: Hierarchy, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    soundfile.write(bad, np.full((8000, 1), np.nan), 8000, "FLOAT")
    first, *others = query_corpus.tracks
    broken = replace(first, id="bad", stems=tuple(replace(stem, file=AudioFile(bad)) for stem in first.stems))
    corpus = replace(query_corpus, root=tmp_path, tracks=(broken, *others))
    with pytest.raises(AudioError, match=r"bad\.wav"):
        select_chunks(corpus, hierarchy, [BASS], CHUNKS)
    with pytest.warns(AudioWarning, match=r"left out: .*bad\.wav"):
        chunks = select_chunks(corpus, hierarchy, [BASS], CHUNKS, skip_bad=True)
    assert {chunk.song for chunk in chunks.chunks} == {"1", "2"}


def test_a_sample_and_no_chunk_at_all(query_corpus: Corpus, hierarchy: Hierarchy) -> None:
    whole = select_chunks(query_corpus, hierarchy, [BASS], CHUNKS)
    drawn = select_chunks(query_corpus, hierarchy, [BASS], CHUNKS, sample=3, seed=1)
    assert len(set(drawn.chunks)) == 3 and set(drawn.chunks) < set(whole.chunks)
    assert drawn == select_chunks(query_corpus, hierarchy, [BASS], CHUNKS, sample=3, seed=1)
    assert drawn.rule.endswith("3 drawn with seed 1")
    with pytest.raises(SamplingError, match="has a target salient at -30 dBFS: give other songs"):
        select_chunks(query_corpus, hierarchy, [OTHER], CHUNKS)
    with pytest.raises(OptionError, match="a sample of 0 chunks"):
        select_chunks(query_corpus, hierarchy, [BASS], CHUNKS, sample=0)


def test_a_file_holds_all_of_it(query_corpus: Corpus, hierarchy: Hierarchy, tmp_path: Path) -> None:
    for chunks in (
        select_chunks(query_corpus, hierarchy, [BASS, DRUMS], CHUNKS, with_family=True),
        list_all(choose_chunks(query_corpus, Chunking(1.3, 0.7)), Chunking(1.3, 0.7)),
    ):
        write_chunks(chunks, tmp_path / "made" / "chunks.csv")
        assert read_chunks(tmp_path / "made" / "chunks.csv") == chunks
    lines = (tmp_path / "made" / "chunks.csv").read_text().splitlines()
    assert lines[:3] == ["# chunks every 0.7 s", "song,start,duration,target", "0,0.0,1.3,"]
    odd = ChunkList((ListedChunk('two\u2028lines, "or"\nthree', 1.0, BASS),), 2.0, "a rule")
    write_chunks(odd, tmp_path / "odd.csv")
    assert read_chunks(tmp_path / "odd.csv") == odd
    (tmp_path / "other.csv").write_bytes(b"# a rule\r\nsong,start,duration,target\r\n0,0.0,1.3,\r\n")
    assert read_chunks(tmp_path / "other.csv") == ChunkList((ListedChunk("0", 0.0),), 1.3, "a rule")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name in ("other.csv", "none.csv"):
        with pytest.raises(EvaluationError, match=name):
            read_chunks(tmp_path / name)


def test_only_the_path_of_the_target_is_measured_and_only_there(
    query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    chunks = ChunkList((ListedChunk("0", 2.0, DRUMS), ListedChunk("0", 4.0, BASS), ListedChunk("2", 0.0, BASS)), 2)
    rows = evaluate(
        Mixture(hierarchy.paths), query_corpus, hierarchy, settings, selection=Selection(chunks=chunks), workers=1
    )
    parent = "accompaniment"
    assert rows.select("track", "start", "target", "node").rows() == [
        ("0", 2.0, DRUMS, parent), ("0", 2.0, DRUMS, DRUMS),
        ("0", 4.0, BASS, parent), ("0", 4.0, BASS, BASS),
        ("2", 0.0, BASS, parent), ("2", 0.0, BASS, BASS),
    ]  # fmt: skip
    whole = evaluate(Mixture(hierarchy.paths), query_corpus, hierarchy, settings, workers=1)
    same = whole.filter(track="0", start=2.0, node=DRUMS)
    assert rows.filter(track="0", start=2.0, node=DRUMS).drop("target").equals(same.drop("target"))
    untargeted = ChunkList((ListedChunk("0", 2.0),), 2)
    rows = evaluate(
        Mixture(hierarchy.paths), query_corpus, hierarchy, settings, selection=Selection(chunks=untargeted), workers=1
    )
    assert rows["node"].to_list() == list(hierarchy.paths) and rows["target"].null_count() == len(rows)


def test_a_model_that_takes_queries_is_measured_on_the_list(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    chunks = ChunkList((ListedChunk("0", 2.0, BASS), ListedChunk("1", 0.0, BASS)), 2)
    rows = evaluate(query_model, query_corpus, hierarchy, settings, selection=Selection(chunks=chunks), workers=1)
    whole = evaluate(query_model, query_corpus, hierarchy, settings, workers=1)
    assert rows.height == 4
    keys = ["track", "start", "target", "node"]
    listed = whole.join(rows.select(keys), on=keys, how="semi", maintain_order="left")
    assert_frame_equal(rows, listed, abs_tol=1e-4)  # products of other sizes are rounded otherwise on some processors
    vocals = ChunkList((ListedChunk("0", 2.0, "vocals"),), 2)
    with pytest.raises(OptionError, match="takes no query for 'vocals'"):
        evaluate(query_model, query_corpus, hierarchy, settings, selection=Selection(chunks=vocals), workers=1)


def test_a_list_belongs_to_songs_and_a_duration(
    query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, tmp_path: Path
) -> None:
    mixture, file = Mixture((BASS,)), tmp_path / "rows.parquet"
    for chunks, message in (
        (ChunkList((ListedChunk("9", 0.0, BASS),), 2), "'9' of the list of chunks is not among the songs"),
        (ChunkList((ListedChunk("0", 5.0, BASS),), 2), "'0' lasts 6.0 s, and the list has a chunk at 5.0 s"),
    ):
        with pytest.raises(EvaluationError, match=message):
            evaluate(mixture, query_corpus, hierarchy, settings, selection=Selection(chunks=chunks), workers=1)
    with pytest.raises(OptionError, match=r"chunks of 1 s, and the settings of 2 s"):
        shorter = Selection(chunks=ChunkList((ListedChunk("0", 0.0),), 1))
        evaluate(mixture, query_corpus, hierarchy, settings, selection=shorter, workers=1)
    with pytest.raises(OptionError, match="no node on the path of 'vocals' is measured"):
        targeted = Selection(chunks=ChunkList((ListedChunk("0", 0, "vocals"),), 2))
        evaluate(mixture, query_corpus, hierarchy, settings, selection=targeted)
    listed = ChunkList((ListedChunk("0", 0.0, BASS),), 2)
    evaluate(mixture, query_corpus, hierarchy, settings, selection=Selection(chunks=listed), file=file, workers=1)
    with pytest.raises(EvaluationError, match="holds another evaluation"):
        evaluate(mixture, query_corpus, hierarchy, settings, file=file, workers=1)
