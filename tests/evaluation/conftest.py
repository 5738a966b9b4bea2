"""A small corpus of noise with MUSDB18's tree: two songs of 6 s at 4 kHz, chunks of 2 s."""

from pathlib import Path

import pytest
import soundfile
from support.noise_corpus import make_corpus
from support.query_models import make_query_model

from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load

SETTINGS = EvaluationSettings(Chunking(2, 2), window=0.5)


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


@pytest.fixture
def query_corpus(tmp_path: Path) -> Corpus:
    """Bass in three songs, drums in one, others in none; the bass of the last is silent but for its first chunk."""
    bass, drums = "accompaniment/bass", "accompaniment/drums"
    corpus = make_corpus(tmp_path / "query_corpus", [["vocals", bass, drums], ["vocals", bass], ["vocals", bass]])
    file = corpus.tracks[2].stems[1].file.path
    audio, rate = soundfile.read(file)
    audio[8000:] = 0
    soundfile.write(file, audio, rate, "PCM_16")
    return corpus


@pytest.fixture
def query_model(tmp_path: Path) -> QueryModel:
    targets = [f"accompaniment/{leaf}" for leaf in ("bass", "drums", "other")]
    return QueryModel(make_query_model(tmp_path / "query_model", targets))
