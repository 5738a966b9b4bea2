"""Estimators whose nodes are all measured in every chunk."""

from collections.abc import Sequence

from stemtree.corpora.track import Corpus
from stemtree.errors import OptionError
from stemtree.evaluation.chunk_list import ChunkList
from stemtree.evaluation.estimators.base import ChunkEstimator, Measurer
from stemtree.evaluation.measure import ChunkMeasurer
from stemtree.evaluation.measure_targets import TargetMeasurer
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
        chunks: ChunkList | None = None,
    ) -> Measurer:
        """See `Estimator.measurer`.

        Raises
        ------
        OptionError
            If none of the nodes lies on the path of a target.
        """
        if chunks is None or not chunks.targets:
            return ChunkMeasurer(self, tuple(nodes), hierarchy, settings)
        measurers = {}
        for target in chunks.targets:
            path = (target, *hierarchy.ancestors(target))
            selected = tuple(node for node in nodes if node in path)
            if not selected:
                raise OptionError(f"no node on the path of '{target}' is measured: name one, or leave the nodes out")
            measurers[target] = ChunkMeasurer(self, selected, hierarchy, settings)
        return TargetMeasurer(measurers, chunks)
