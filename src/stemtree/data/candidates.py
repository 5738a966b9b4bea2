"""The chunks that may be sampled for a target, by what plays in them."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stemtree.hierarchy import NodePath, is_within

if TYPE_CHECKING:
    from stemtree.data.sampling import ChunkSampler


class CandidateChunks:
    """Chunks that may be sampled for a target: ``(chunk, 2)`` numbers of song and chunk of each kind, on demand."""

    def __init__(self, sampler: "ChunkSampler", target: NodePath) -> None:
        self._sampler, self._target, self._siblings = sampler, target, sampler.hierarchy.siblings(target)
        self._salient = sampler.salient(target)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Where the target is salient."""
        return self._sampler.chunks_where(self._salient)

    @cached_property
    def family(self) -> NDArray[np.int64]:
        """Where another target of its family is salient too."""
        members = family_of(self._target, self._sampler.targets)
        others = [self._sampler.salient(member) for member in members]
        any_other = [np.logical_or.reduce(flags) for flags in zip(*others, strict=True)] if others else []
        together = [own & other for own, other in zip(self._salient, any_other, strict=False)]
        return self._sampler.chunks_where(together)

    @cached_property
    def absent(self) -> NDArray[np.int64]:
        """Where it is not."""
        return self._sampler.chunks_where([~flags for flags in self._salient])

    @cached_property
    def sibling(self) -> NDArray[np.int64]:
        """Where it is not but a sibling is."""
        any_sibling = [np.zeros_like(flags) for flags in self._salient]
        for sibling in self._siblings:
            salient = self._sampler.salient(sibling)
            any_sibling = [so_far | flags for so_far, flags in zip(any_sibling, salient, strict=True)]
        return self._sampler.chunks_where([flags & ~own for flags, own in zip(any_sibling, self._salient, strict=True)])


def family_of(target: NodePath, targets: Sequence[NodePath]) -> tuple[NodePath, ...]:
    """The other targets beneath the nearest node above a target that holds another; none if only the mixture does."""
    above = ["/".join(target.split("/")[:end]) for end in range(target.count("/"), 0, -1)]
    others = [other for other in targets if other != target]
    families = (tuple(other for other in others if is_within(other, node)) for node in above)
    return next(filter(None, families), ())
