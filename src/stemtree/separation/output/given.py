"""Stems that are there and stay, as integers that new ones must add up with: checked first, then read along."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.audio import READ_SAMPLES, StemReader
from stemtree.audio.samples import ExactSamples, PcmSamples
from stemtree.errors import AudioError
from stemtree.hierarchy import NodePath
from stemtree.separation.output.integer_sums import NodeSums
from stemtree.separation.output.manifest import NodeStatistics


@dataclass(frozen=True, slots=True)
class GivenStem:
    """A stem that is there.

    Parameters
    ----------
    file : pathlib.Path
        Where it lies.
    row : mapping
        What ``tree.json`` says of it.
    num_samples : int
        Its length.
    """

    file: Path
    row: Mapping[str, Any]
    num_samples: int

    def check(self, bits: int) -> None:
        """Compare what it holds with what was written: siblings that are new would take any difference.

        Parameters
        ----------
        bits : int
            Width of its integers.

        Raises
        ------
        AudioError
            If it was changed, or cannot be read.
        """
        found = NodeStatistics()
        with StemReader(self.file, bits) as reader:
            for start in range(0, self.num_samples, READ_SAMPLES):
                found.add(reader.read(min(READ_SAMPLES, self.num_samples - start)), 2.0 ** (bits - 1))
        if self.row.get("crc32") != found.as_dict()["crc32"]:
            raise AudioError(
                f"the stem '{self.file}' has changed since it was separated, and those beside it would no longer add "
                "up: delete it, or give another folder with -o"
            )


class GivenReader:
    """Integers of nodes that are there and stay, read along with the song.

    Parameters
    ----------
    given, without : mapping of NodePath to GivenStem
        The nodes, and the song without nodes.
    sums : NodeSums
        Of the run that is to add up with them.
    stack : contextlib.ExitStack
        Closes the files.
    """

    def __init__(
        self,
        given: Mapping[NodePath, GivenStem],
        without: Mapping[NodePath, GivenStem],
        sums: NodeSums,
        stack: ExitStack,
    ) -> None:
        self._sums = sums
        self._readers, self._without = (
            {path: stack.enter_context(StemReader(stem.file, sums.bits or 0)) for path, stem in stems.items()}
            for stems in (given, without)
        )

    def read(self, mixture: ExactSamples) -> dict[NodePath, PcmSamples]:
        """The next samples of all, as many as the mixture's."""
        count = mixture.shape[-1]
        given = {path: reader.read(count) for path, reader in self._readers.items()}
        for path, reader in self._without.items():
            given[path] = self._sums.steps(mixture) - reader.read(count)
        return given
