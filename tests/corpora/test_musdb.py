import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import AudioFile
from stemtree.errors import CorpusError


def test_dsd100s_splits(corpora: Callable[[str], Path]) -> None:
    root = corpora("dsd100")
    corpus = load_corpus(root, "dsd100")
    assert [track.split for track in corpus.tracks] == ["train", "test"]
    assert corpus.tracks[0].mixture == AudioFile(root / "Mixtures" / "Dev" / corpus.tracks[0].id / "mixture.wav")
    shutil.rmtree(root / "Sources" / "Test")
    with pytest.raises(CorpusError, match=r"Sources/Test/051.*drums\.wav' is missing"):
        load_corpus(root, "dsd100")
