"""Measuring a model that takes queries: each leaf heard in a chunk is asked for with a chunk of another song."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from stemtree.corpora.track import Corpus, Track
from stemtree.data.salience import SalienceIndex, index_file, salience_index
from stemtree.errors import SamplingError
from stemtree.evaluation.estimators.queries import PathEstimator, Queries, QueryModel
from stemtree.evaluation.measure import Measurer
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, NodePath


@dataclass(frozen=True)
class QueryMeasurer:
    """Makes the rows of songs, chunk by chunk the path of every target that is salient there.

    Parameters
    ----------
    measurers : mapping of NodePath to Measurer
        One for each target.
    queries : Queries
        Where they are heard.
    """

    measurers: Mapping[NodePath, Measurer]
    queries: Queries

    def song(self, track: Track, starts: Sequence[int]) -> pl.DataFrame:
        """As `Measurer.song`; the column ``target`` says what was asked for."""
        rows = [
            measurer.song(track, self.queries.heard(target, track, starts)).with_columns(target=pl.lit(target))
            for target, measurer in self.measurers.items()
        ]
        return pl.concat(rows).sort("start", maintain_order=True)


def query_measurer(
    model: QueryModel, nodes: Sequence[NodePath], corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> QueryMeasurer:
    """Prepare a model's evaluation; the corpus's salience index is brought up to date with the settings' chunks.

    Parameters
    ----------
    model : QueryModel
        What is evaluated.
    nodes : sequence of NodePath
        Which of its nodes.
    corpus, hierarchy, settings
        See `stemtree.evaluation.evaluate.evaluate`.

    Raises
    ------
    SamplingError
        If no target is heard in the corpus.
    CorpusError
        If the index cannot be written.
    """
    index = salience_index(corpus, hierarchy, index_file(corpus), settings.chunking, skip_bad=True)
    queries = Queries(
        corpus.tracks,
        {target: _salient(corpus, index, target) for target in model.targets},
        frozenset(problem.track for problem in index.problems),
        settings.seed,
    )
    if not any(queries.places.values()) and not queries.unknown:
        raise SamplingError(f"no target of '{model.name}' is salient in these songs: give others")
    measurers = {}
    for target in model.targets:
        if wanted := tuple(node for node in model.path(target) if node in nodes):
            measurers[target] = Measurer(PathEstimator(model, target, queries), wanted, hierarchy, settings)
    return QueryMeasurer(measurers, queries)


def _salient(corpus: Corpus, index: SalienceIndex, target: NodePath) -> tuple[tuple[int, int], ...]:
    places = []
    for number, track in enumerate(corpus.tracks):
        flags = index.salient(track.id, target)
        places += [(number, int(start)) for start in index.chunking.starts(track)[: len(flags)][flags]]
    return tuple(places)
