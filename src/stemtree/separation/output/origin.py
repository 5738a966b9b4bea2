"""What stems are made of, and by what: all that is said of it in the manifest."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.audio import READ_SAMPLES, AudioSource, FileSource
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, is_within
from stemtree.separation.output.sums import sums_of
from stemtree.separation.plan import Plan


@dataclass(frozen=True, slots=True)
class Origin:
    """A song, and what divides it.

    Parameters
    ----------
    source : AudioSource
        The song.
    checksum : str
        SHA-256 of the song.
    tree : Hierarchy
        What it is divided into.
    wanted : tuple of NodePath
        The nodes that were asked for.
    splitters : sequence of dict
        What each splitter says of itself, and how sums of what they make are made; see `sums_of`.
    split_by : mapping of NodePath to int or None
        For each inner node the number of what divides it, of `splitters`; None for an only child.
    """

    source: AudioSource
    checksum: str
    tree: Hierarchy
    wanted: tuple[NodePath, ...]
    splitters: Sequence[Mapping[str, Any]]
    split_by: Mapping[NodePath, int | None]

    @property
    def file(self) -> FileSource | None:
        """The song, if it is a file."""
        return self.source if isinstance(self.source, FileSource) else None


def origin_of(source: AudioSource, plan: Plan, provenance: Sequence[dict[str, object]]) -> Origin:
    """Describe what a song's stems will be made of.

    Parameters
    ----------
    source : AudioSource
        The song, which is read for its checksum.
    plan : Plan
        What it is separated by.
    provenance : sequence of dict
        Of the plan's splitters.
    """
    split_by, sums = (_splits_of(plan), []) if plan.whole is None else sums_of(plan, plan.whole, provenance)
    return Origin(source, _checksum_of(source), plan.tree, plan.wanted, [*provenance, *sums], split_by)


def describe_song(origin: Origin) -> dict[str, Any]:
    """The entry of a manifest that says which song it is; samples in memory have no file."""
    if origin.file is None:
        return {"file": "", "sha256": origin.checksum}
    stream = {"stream": origin.file.stream} if origin.file.stream else {}
    return {"file": Path(origin.source.name).name, "sha256": origin.checksum} | stream


def _checksum_of(source: AudioSource) -> str:
    """Of a file's bytes; of samples in memory, as 64-bit floats after their sample rate."""
    if isinstance(source, FileSource):
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256(str(source.sample_rate).encode())
    for block in source.blocks(READ_SAMPLES):
        digest.update(block.T.astype("<f8").tobytes())
    return digest.hexdigest()


def _splits_of(plan: Plan) -> dict[NodePath, int | None]:
    """For each inner node of a plan's tree the number of the splitter that divides it; None for an only child."""
    splits: dict[NodePath, int | None] = {}
    for step in plan.steps:
        number = None if step.splitter is None else plan.splitters.index(step.splitter)
        for target in step.targets:
            splits |= {above: number for above in plan.tree.ancestors(target[0]) if is_within(above, step.node)}
    return {path: splits[path] for path in (MIXTURE, *plan.tree.paths) if path in splits}
