"""Estimators whose nodes are all measured in every chunk."""

from collections.abc import Sequence

from stemtree.corpora.track import Corpus
from stemtree.evaluation.estimators.base import ChunkEstimator
from stemtree.evaluation.measure import ChunkMeasurer
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, NodePath


class Chunkwise:
    """Base of an `Estimator` that is also a `ChunkEstimator`: gives it its `measurer`."""

    def measurer(
        self: ChunkEstimator,
        nodes: Sequence[NodePath],
        corpus: Corpus,
        hierarchy: Hierarchy,
        settings: EvaluationSettings,
    ) -> ChunkMeasurer:
        """See `Estimator.measurer`."""
        return ChunkMeasurer(self, tuple(nodes), hierarchy, settings)
