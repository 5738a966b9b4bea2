"""What the messages of evaluation, sampling and hierarchies advise helps: each remedy is tried."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stemtree.corpora.track import Corpus
from stemtree.data.augmentation import Augmentation
from stemtree.data.salience import Chunking
from stemtree.data.sampling import SamplingRules
from stemtree.errors import EvaluationError, SamplingError, StemtreeError
from stemtree.evaluation.chunk_list import ChunkList, ListedChunk, read_chunks, select_chunks, write_chunks
from stemtree.evaluation.chunks import check_draw
from stemtree.evaluation.estimators.mean_mask import MeanMask, fit_mean_mask
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load
from stemtree.masks.relation import make_relation

TREE = load("musdb18")


@pytest.mark.parametrize(
    ("wrong", "message", "remedy"),
    [
        (lambda: EvaluationSettings(quiet=0), "such as -30", lambda: EvaluationSettings(quiet=-30)),
        (lambda: EvaluationSettings(window=20), "give shorter ones", lambda: EvaluationSettings(window=10)),
        (lambda: EvaluationSettings(query="targt"), "did you mean target?", lambda: EvaluationSettings(query="target")),
        (lambda: check_draw(0, 0), "give 1 or more", lambda: check_draw(1, 0)),
        (lambda: check_draw(1, -1), "give 0 or more", lambda: check_draw(1, 0)),
        (lambda: SamplingRules(missing=2), "between 0 and 1", lambda: SamplingRules(missing=1)),
        (lambda: SamplingRules(missing_mode="x"), "give 'all' or 'leaf'", lambda: SamplingRules(missing_mode="all")),
        (lambda: SamplingRules(seed=-1), "give 0 or more", lambda: SamplingRules(seed=0)),
        (lambda: Augmentation(tempo=(2, 1)), "the lower first", lambda: Augmentation(tempo=(1, 2))),
        (lambda: Chunking(0), "give 0.000125 to 86400", lambda: Chunking(86400.0)),
        (lambda: TREE.prune(0), "keep at least 1", lambda: TREE.prune(1)),
        (lambda: TREE.at_level(9), "has levels 1 to 2", lambda: TREE.at_level(2)),
        (lambda: TREE.node("vocal"), "did you mean vocals?", lambda: TREE.node("vocals")),
        (lambda: TREE.with_labels({"x": "accompaniment"}), "give one of its leaves",
         lambda: TREE.with_labels({"x": "vocals"})),
        (lambda: make_relation("direct", TREE, ("vocals",), {"vocals": ""}), "leave them out, or choose 'mixed'",
         lambda: make_relation("mixed", TREE, ("vocals",), {"vocals": ""})),
    ],
)  # fmt: skip
def test_values(wrong: Callable[[], object], message: str, remedy: Callable[[], object]) -> None:
    with pytest.raises(StemtreeError, match=re.escape(message)):
        wrong()
    remedy()


def test_lists_of_chunks(corpus: Corpus, hierarchy: Hierarchy, tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match="give other songs, or a lower threshold"):
        select_chunks(corpus, hierarchy, ["vocals"], Chunking(2, 2, 0.0))
    chunks = select_chunks(corpus, hierarchy, ["vocals"], Chunking(2, 2, -60.0))
    (tmp_path / "file").touch()
    with pytest.raises(EvaluationError, match="choose another folder"):
        write_chunks(chunks, tmp_path / "file" / "list.csv")
    with pytest.raises(EvaluationError, match="write one with stemtree evaluate --write-chunks"):
        read_chunks(tmp_path / "file")
    write_chunks(chunks, tmp_path / "list.csv")
    assert read_chunks(tmp_path / "list.csv") == chunks
    foreign = ChunkList((ListedChunk("nowhere", 0.0),), 2.0)
    with pytest.raises(EvaluationError, match="give the corpus and the split that it was made for"):
        foreign.songs(corpus)
    assert chunks.songs(corpus)


def test_mean_masks(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(StemtreeError, match="fit them with stemtree mean-mask"):
        (tmp_path / "no.safetensors").write_bytes(b"no masks")
        MeanMask.load(tmp_path / "no.safetensors")
    from stemtree.spectral import Stft

    settings = EvaluationSettings(Chunking(2, 2), window=0.5)
    masks = fit_mean_mask(corpus, ["vocals"], settings, stft=Stft(256, 128, corpus.tracks[0].sample_rate))
    with pytest.raises(StemtreeError, match="choose another folder"):
        masks.save(tmp_path / "no.safetensors" / "x")
    masks.save(tmp_path / "masks.safetensors")
    assert MeanMask.load(tmp_path / "masks.safetensors").nodes == ("vocals",)
