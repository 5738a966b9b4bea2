from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from support.query_models import make_query_model

from stemtree.corpora.track import Corpus
from stemtree.errors import HierarchyError, ModelError, OptionError, SamplingError
from stemtree.evaluation.estimators.query_model import QueryModel
from stemtree.evaluation.estimators.registry import make_estimator
from stemtree.evaluation.evaluate import Selection, evaluate
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.tables import failures, summarise
from stemtree.hierarchy import Hierarchy
from stemtree.model import load_model

BASS, DRUMS, OTHER = (f"accompaniment/{leaf}" for leaf in ("bass", "drums", "other"))


def test_every_salient_target_is_queried(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    rows = evaluate(query_model, query_corpus, hierarchy, settings, workers=1)
    found = rows.select("track", "start", "target", "node", "level", "status").rows()
    both = [(BASS, BASS, 1), (BASS, "accompaniment", 2)]
    expected = [("0", start, *place, "counted") for start in (0.0, 2.0, 4.0) for place in both]
    drums = [(DRUMS, DRUMS, 1), (DRUMS, "accompaniment", 2)]
    expected += [("0", start, *place, "unasked") for start in (0.0, 2.0, 4.0) for place in drums]
    # The accompaniment of a song with a bass alone is nothing but the bass.
    expected += [("1", start, *place, "counted") for start in (0.0, 2.0, 4.0) for place in both]
    expected += [("2", 0.0, *place, "counted") for place in both]
    assert sorted(found) == sorted(expected) and rows["start"].to_list()[:4] == [0.0] * 4
    (reason,) = rows.filter(target=DRUMS)["failure"].unique()
    assert reason == f"'{DRUMS}' is salient in no song but this one: there is no query for it"
    assert failures(rows).is_empty()
    assert {"level 1", "level 2", BASS, "accompaniment"} <= set(summarise(rows, hierarchy)["name"])


def test_estimates_are_the_models_with_the_drawn_query(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    rows = evaluate(query_model, query_corpus, hierarchy, settings, workers=1)
    measurer = query_model.measurer(query_model.nodes, query_corpus, hierarchy, settings)
    leaf, drawn = measurer.chunks.draw(BASS, "0", 8000)
    assert leaf == BASS
    assert drawn.track.id != "0" and drawn.start in (0, 8000, 16000)

    def read(file: Path, start: int) -> torch.Tensor:
        return torch.from_numpy(soundfile.read(file, dtype="float32")[0][None, None, start : start + 8000])

    stems = [read(stem.file.path, 8000) for stem in query_corpus.tracks[0].stems]
    query, mixture = read(drawn.track.stems[1].file.path, drawn.start), torch.stack(stems).sum(dim=0)
    loaded, stft = load_model(query_model.folder), query_model.model.card.stft
    spectrogram = stft.transform(mixture)
    masks = loaded.estimate(spectrogram, stft.transform(query)).masks
    estimates = stft.inverse(masks * spectrogram[:, None], 8000)[0]
    energies = 10 * (estimates.square().sum(dim=(1, 2)) / mixture.square().sum()).log10()
    found = rows.filter(track="0", start=2.0, target=BASS)["estimate_db"]
    np.testing.assert_allclose(found, energies, atol=1e-3)


def test_wrong_queries(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    """A bass is asked for with drums of the same song's family; there are no other families."""
    of_family = replace(settings, query="family")
    rows = evaluate(query_model, query_corpus, hierarchy, of_family, workers=1)
    measurer = query_model.measurer(query_model.nodes, query_corpus, hierarchy, of_family)
    assert {measurer.chunks.draw(BASS, "1", 0)[0] for _ in range(5)} == {DRUMS}
    right = evaluate(query_model, query_corpus, hierarchy, settings, workers=1)
    ours, theirs = (table.filter(track="1", target=BASS, start=0.0) for table in (rows, right))
    assert ours["status"].to_list() == theirs["status"].to_list() == ["counted"] * 2
    assert ours["estimate_db"].to_list() != theirs["estimate_db"].to_list()
    with pytest.raises(SamplingError, match="has a query of the kind 'other'"):
        query_model.measurer(query_model.nodes, query_corpus, hierarchy, replace(settings, query="other"))
    with pytest.raises(OptionError, match="'query' is 'wrong'"):
        replace(settings, query="wrong")


def test_some_nodes(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    rows = evaluate(query_model, query_corpus, hierarchy, settings, selection=Selection([BASS]), workers=1)
    whole = evaluate(query_model, query_corpus, hierarchy, settings, workers=1)
    assert rows.equals(whole.filter(node=BASS))


def test_songs_that_cannot_be_searched_fail(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    soundfile.write(query_corpus.tracks[1].stems[0].file.path, np.full(24000, np.nan), 4000, "FLOAT")
    rows = evaluate(query_model, query_corpus, hierarchy, settings, workers=1).filter(track="1")
    assert len(rows) == 6 and rows["status"].unique().to_list() == ["failed"]
    assert "holds NaN or infinity" in rows["failure"][0]


def test_models_that_cannot_be_measured(
    query_model: QueryModel, query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings, tmp_path: Path
) -> None:
    absent = QueryModel(make_query_model(tmp_path / "absent", [OTHER]))
    with pytest.raises(SamplingError, match=r"no target of '.*absent' is salient in these songs"):
        evaluate(absent, query_corpus, hierarchy, settings, workers=1)
    with pytest.raises(OptionError, match="names no 'targets' in 'training'"):
        make_estimator(str(make_query_model(tmp_path / "untold", [])), ())
    elsewhere = QueryModel(make_query_model(tmp_path / "elsewhere", ["winds/flutes"]))
    with pytest.raises(HierarchyError, match="estimates 'winds/flutes', which the hierarchy"):
        evaluate(elsewhere, query_corpus, hierarchy, settings)
    with pytest.raises(OptionError, match="does not estimate 'vocals'"):
        evaluate(query_model, query_corpus, hierarchy, settings, selection=Selection(["vocals"]))
    with pytest.raises(ModelError):
        QueryModel(tmp_path / "none")
