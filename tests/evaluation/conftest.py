"""A small corpus of noise with MUSDB18's tree: two songs of 6 s at 4 kHz, chunks of 2 s."""

from pathlib import Path

import pytest
from support.noise_corpus import make_corpus

from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load

SETTINGS = EvaluationSettings(Chunking(2, 2), frame=0.5)


@pytest.fixture
def hierarchy() -> Hierarchy:
    return load("musdb18")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    songs = [["vocals", "accompaniment/bass", "accompaniment/drums"], ["accompaniment/bass", "accompaniment/drums"]]
    return make_corpus(tmp_path / "corpus", songs)


@pytest.fixture
def settings() -> EvaluationSettings:
    return SETTINGS
