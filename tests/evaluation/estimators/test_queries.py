from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from support.noise_corpus import make_corpus
from support.query_models import make_query_model

from stemtree.corpora.track import Corpus
from stemtree.errors import EvaluationError, HierarchyError, ModelError, OptionError, SamplingError
from stemtree.evaluation import measure_queries as module
from stemtree.evaluation.estimators.queries import QueryModel
from stemtree.evaluation.estimators.registry import estimator
from stemtree.evaluation.evaluate import evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.tables import failures, summarise
from stemtree.hierarchy import Hierarchy
from stemtree.model import load_model

BASS, DRUMS, OTHER = (f"accompaniment/{leaf}" for leaf in ("bass", "drums", "other"))


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Bass in three songs, drums in one, others in none; the bass of the last is silent but for its first chunk."""
    corpus = make_corpus(tmp_path / "corpus", [["vocals", BASS, DRUMS], ["vocals", BASS], ["vocals", BASS]])
    file = corpus.tracks[2].stems[1].file.path
    audio, rate = soundfile.read(file)
    audio[8000:] = 0
    soundfile.write(file, audio, rate, "PCM_16")
    return corpus


@pytest.fixture
def model(tmp_path: Path) -> QueryModel:
    made = estimator(str(make_query_model(tmp_path / "model", [BASS, DRUMS, OTHER])), ())
    assert isinstance(made, QueryModel)
    return made


def test_every_salient_leaf_is_asked_for(
    model: QueryModel, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    rows = evaluate(model, corpus, hierarchy, settings, workers=1)
    asked = rows.select("track", "start", "target", "node", "level", "status").rows()
    both = [(BASS, BASS, 1), (BASS, "accompaniment", 2)]
    expected = [("0", start, *place, "counted") for start in (0.0, 2.0, 4.0) for place in both]
    drums = [(DRUMS, DRUMS, 1), (DRUMS, "accompaniment", 2)]
    expected += [("0", start, *place, "failed") for start in (0.0, 2.0, 4.0) for place in drums]
    # The accompaniment of a song with a bass alone is nothing but the bass.
    expected += [("1", start, *place, "counted") for start in (0.0, 2.0, 4.0) for place in both]
    expected += [("2", 0.0, *place, "counted") for place in both]
    assert sorted(asked) == sorted(expected) and rows["start"].to_list()[:4] == [0.0] * 4
    (reason,) = rows.filter(target=DRUMS)["failure"].unique()
    assert reason == f"'{DRUMS}' is salient in no song but this one: there is no query for it"
    assert failures(rows).rows() == [(reason, 3, "0", 0.0)]
    assert {"level 1", "level 2", BASS, "accompaniment"} <= set(summarise(rows, hierarchy)["name"])


def test_estimates_are_the_models_with_the_drawn_query(
    model: QueryModel, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    rows = evaluate(model, corpus, hierarchy, settings, workers=1)
    measurer = module.query_measurer(model, model.nodes, corpus, hierarchy, settings)
    song, first = measurer.queries.draw(BASS, "0", 8000)
    assert song.id != "0" and first in (0, 8000, 16000)

    def read(file: Path, start: int) -> torch.Tensor:
        return torch.from_numpy(soundfile.read(file, dtype="float32")[0][None, None, start : start + 8000])

    stems = [read(stem.file.path, 8000) for stem in corpus.tracks[0].stems]
    query, mixture = read(song.stems[1].file.path, first), torch.stack(stems).sum(dim=0)
    loaded, stft = load_model(model.folder), model.model.card.stft
    spectrogram = stft.transform(mixture)
    masks = loaded.estimate(spectrogram, stft.transform(query)).masks
    estimates = stft.inverse(masks * spectrogram[:, None], 8000)[0]
    energies = 10 * (estimates.square().sum(dim=(1, 2)) / mixture.square().sum()).log10()
    found = rows.filter(track="0", start=2.0, target=BASS)["estimate_db"]
    np.testing.assert_allclose(found, energies, atol=1e-3)


def test_draws_depend_on_seed_song_and_start_alone(
    model: QueryModel, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    def draws(seed: int) -> list[tuple[str, int]]:
        asked = replace(settings, seed=seed)
        queries = module.query_measurer(model, model.nodes, corpus, hierarchy, asked).queries
        drawn = [queries.draw(BASS, track, start) for track in "012" for start in range(0, 24000, 800)]
        return [(song.id, first) for song, first in drawn]

    assert draws(0) == draws(0) != draws(1)
    assert set(draws(0)[:30]) == {("1", 0), ("1", 8000), ("1", 16000), ("2", 0)}  # never of song 0


def test_workers_and_stopped_runs_make_no_difference(
    model: QueryModel,
    corpus: Corpus,
    hierarchy: Hierarchy,
    settings: EvaluationSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = evaluate(model, corpus, hierarchy, settings, workers=1)
    assert evaluate(model, corpus, hierarchy, settings, workers=2).equals(whole)
    made = module.QueryMeasurer.song

    def stop(self, track, starts):
        if track.id == "1":
            raise KeyboardInterrupt
        return made(self, track, starts)

    file = tmp_path / "rows.parquet"
    monkeypatch.setattr(module.QueryMeasurer, "song", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate(model, corpus, hierarchy, settings, file=file, workers=1)
    assert not file.exists()
    fewer = replace(corpus, tracks=corpus.tracks[:2])  # queries of fewer songs would be others
    monkeypatch.setattr(module.QueryMeasurer, "song", made)
    with pytest.raises(EvaluationError, match=r"holds another evaluation \(its queries is"):
        evaluate(model, fewer, hierarchy, settings, file=file, workers=1)
    assert evaluate(model, corpus, hierarchy, settings, file=file, workers=1).equals(whole)
    assert pl.read_parquet(file).equals(whole)


def test_some_nodes(model: QueryModel, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    rows = evaluate(model, corpus, hierarchy, settings, nodes=[BASS], workers=1)
    whole = evaluate(model, corpus, hierarchy, settings, workers=1)
    assert rows.equals(whole.filter(node=BASS))


def test_songs_that_cannot_be_searched_fail(
    model: QueryModel, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    soundfile.write(corpus.tracks[1].stems[0].file.path, np.full(24000, np.nan), 4000, "FLOAT")
    rows = evaluate(model, corpus, hierarchy, settings, workers=1).filter(track="1")
    assert len(rows) == 6 and rows["status"].unique().to_list() == ["failed"]
    assert "holds NaN or infinity" in rows["failure"][0]


def test_what_cannot_be_asked(
    model: QueryModel, corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, tmp_path: Path
) -> None:
    absent = QueryModel(make_query_model(tmp_path / "absent", [OTHER]))
    with pytest.raises(SamplingError, match=r"no target of '.*absent' is salient in these songs"):
        evaluate(absent, corpus, hierarchy, settings, workers=1)
    with pytest.raises(OptionError, match="names no 'targets' in 'training'"):
        estimator(str(make_query_model(tmp_path / "untold", [])), ())
    elsewhere = QueryModel(make_query_model(tmp_path / "elsewhere", ["winds/flutes"]))
    with pytest.raises(HierarchyError, match="estimates 'winds/flutes', which the hierarchy"):
        evaluate(elsewhere, corpus, hierarchy, settings)
    with pytest.raises(OptionError, match="does not estimate 'vocals'"):
        evaluate(model, corpus, hierarchy, settings, nodes=["vocals"])
    with pytest.raises(ModelError):
        QueryModel(tmp_path / "none")
