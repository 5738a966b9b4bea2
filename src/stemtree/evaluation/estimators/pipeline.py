"""The separation of ``stemtree separate`` as an estimator."""

from dataclasses import dataclass, field
from functools import cached_property

import torch

from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.chunkwise import Chunkwise
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.registry import make_splitters
from stemtree.types import Waveform


@dataclass(frozen=True)
class Pipeline(Chunkwise):
    """The whole walk down the tree: stems that add up to the song, with the errors of all splitters on the way.

    Parameters
    ----------
    splitter : str
        For `stemtree.separation.splitters.registry.make_splitters`; empty for the default splitters.
    hierarchy : Hierarchy, optional
        What to separate into, if a splitter is made for it or the default one has nodes that it lacks: then its nodes
        are sums of what is served. Otherwise the default one.
    device : str or torch.device
        Where to compute, see `stemtree.devices.find_device`.

    Raises
    ------
    SplitterError, ModelError, OptionError
        If the splitter cannot be used.
    HierarchyError, SplitterError
        If nodes of the hierarchy are no sums of what is served.
    """

    splitter: str = ""
    hierarchy: Hierarchy | None = None
    device: str | torch.device = "cpu"
    sample_rate: None = field(default=None, init=False)
    root: NodePath = field(default="", init=False)

    def __post_init__(self) -> None:
        _ = self._separator

    def __getstate__(self) -> dict[str, object]:
        fields: dict[str, object] = {"splitter": self.splitter, "hierarchy": self.hierarchy, "device": self.device}
        return fields | {"sample_rate": None, "root": ""}  # each process loads its own weights

    @property
    def name(self) -> str:
        """See `Estimator.name`: as on the command line."""
        return f"separate:{self.splitter}" if self.splitter else "separate"

    @property
    def nodes(self) -> tuple[NodePath, ...]:
        """See `Estimator.nodes`: all nodes of the plan but residuals, which no corpus has true signals of."""
        nodes, whole, asked = _nodes(self._separator), self._separator.plan.whole, self.hierarchy
        if asked and whole and whole.name != asked.name:
            return tuple(node for node in nodes if node in asked)  # without the rest, which it has no node for
        return nodes

    def estimate(self, batch: Batch) -> Waveform:
        """See `ChunkEstimator.estimate`."""
        results = [self._separator.separate(mixture.numpy(), batch.sample_rate) for mixture in batch.mixture]
        trees = [torch.stack([torch.from_numpy(result[node].audio) for node in self.nodes]) for result in results]
        return torch.stack(trees)

    def provenance(self) -> dict[str, object]:
        """See `Estimator.provenance`."""
        return {"name": self.name, "splitters": self._separator.provenance}

    @cached_property
    def _separator(self) -> Separator:
        splitters = make_splitters([self.splitter] if self.splitter else [])
        made_for = {splitter.hierarchy.name for splitter in splitters if splitter.hierarchy}
        separator = Separator(splitters=splitters, device=self.device)
        asked = self.hierarchy
        if asked is None or separator.tree.name == asked.name:
            return separator
        if asked.name in made_for:
            return Separator(asked.name, splitters=splitters, device=self.device)
        if all(node in asked for node in _nodes(separator)):
            return separator  # the tree that the splitters make by themselves: a learned path has its rest there
        return Separator(asked, splitters=splitters, device=self.device)


def _nodes(separator: Separator) -> tuple[NodePath, ...]:
    residuals = {path for splitter in separator.plan.splitters for path in splitter.residuals}
    return tuple(path for path in separator.tree.paths if path not in residuals)
