"""Trained models that take queries (query by example)."""

from collections.abc import Sequence
from dataclasses import dataclass

from stemtree.corpora.fingerprint import corpus_fingerprint
from stemtree.corpora.track import Corpus
from stemtree.errors import OptionError, SamplingError, suggest
from stemtree.evaluation.chunk_list import ChunkList
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.queries import Queries, find_queries
from stemtree.evaluation.estimators.trained import TrainedModel
from stemtree.evaluation.measure import ChunkMeasurer
from stemtree.evaluation.measure_targets import TargetMeasurer
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, NodePath, depth
from stemtree.types import Waveform


@dataclass(frozen=True)
class QueryModel(TrainedModel):
    """A trained model that separates the nodes on the path of the leaf that its query is an example of.

    In each chunk it is queried for every leaf that it was trained on (a target) and that is salient there, with a chunk
    of another song of the corpus. See `TrainedModel`.

    Raises
    ------
    OptionError
        If its card does not say which leaves it was trained on.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.targets:
            raise OptionError(f"the card of '{self.folder}' names no 'targets' in 'training': add what it learned")

    @property
    def targets(self) -> tuple[NodePath, ...]:
        """The leaves that it was trained on."""
        return tuple(self.model.card.training.get("targets", ()))

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """All nodes on the paths of its targets."""
        return tuple(dict.fromkeys(node for target in self.targets for node in self.path(target)))

    def path(self, target: NodePath) -> tuple[NodePath, ...]:
        """The nodes that its masks are for when it is queried for a target, in the order of the masks.

        The nodes in its card are those of any path: only their depth has a meaning.
        """
        names = target.split("/")
        return tuple("/".join(names[: depth(node)]) for node in self.model.card.nodes)

    def measurer(
        self,
        nodes: Sequence[NodePath],
        corpus: Corpus,
        hierarchy: Hierarchy,
        settings: EvaluationSettings,
        chunks: ChunkList | None = None,
    ) -> TargetMeasurer:
        """See `Estimator.measurer`; the corpus's salience index is brought up to date.

        Raises
        ------
        SamplingError
            If no target is salient in the corpus.
        OptionError
            If a target of `chunks` is none of its own.
        CorpusError
            If the salience index cannot be written.
        """
        queries = find_queries(corpus, hierarchy, self.targets, settings.chunking, settings.seed, settings.query)
        if not any(queries.chunks.values()) and not queries.unreadable:
            raise SamplingError(f"no target of '{self.name}' is salient in these songs: give others")
        listed = chunks.targets if chunks else ()
        for target in listed:
            if target not in self.targets:
                raise OptionError(f"'{self.name}' takes no query for '{target}'{suggest(target, self.targets)}")
        measurers = {}
        for target in listed or self.targets:
            if target not in queries.asked:
                continue
            if selected := tuple(node for node in self.path(target) if node in nodes):
                estimator = TargetEstimator(self, target, queries)
                measurers[target] = ChunkMeasurer(estimator, selected, hierarchy, settings)
        if not measurers:
            raise SamplingError(f"no target of '{self.name}' has a query of the kind '{settings.query}': give another")
        where = chunks if chunks and listed else queries
        return TargetMeasurer(measurers, where, corpus_fingerprint(corpus))


@dataclass(frozen=True)
class TargetEstimator:
    """A model that takes queries, always queried for the same target."""

    model: QueryModel
    target: NodePath
    queries: Queries

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """See `ChunkEstimator.nodes`: the path of the target."""
        return self.model.path(self.target)

    def estimate(self, batch: Batch) -> Waveform:
        """See `ChunkEstimator.estimate`."""
        mono = self.model.model.card.channels == 1
        return self.model.mask(batch.mixture, self.queries.read(self.target, batch, mono=mono))
