"""The settings of an evaluation."""

from dataclasses import asdict, dataclass, field

from stemtree.data.salience import Chunking
from stemtree.errors import OptionError, suggest
from stemtree.evaluation.status import QUIET
from stemtree.hierarchy import MIXTURE, NodePath

QUERY_KINDS = {
    "target": "the target in another song",
    "family": "another instrument of the target's family, which has the same nodes above the target",
    "other": "an instrument of another family",
}
"""What a query can be an example of; all but the first are wrong on purpose."""


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """Which chunks are measured, and how.

    Parameters
    ----------
    chunking : Chunking
        How songs are cut; its threshold decides the column ``salient``. By default chunks of 10 s side by side, so that
        global figures count every sample once; the end of a song that fills no chunk is left out.
    root : NodePath
        The node that is taken as the mixture.
    sample : int or None
        How many chunks to draw at random; None for all.
    seed : int
        Of all random draws: chunks and queries.
    mono : bool
        Average the channels before anything else.
    quiet : float
        In dB relative to the mixture of the chunk. A node that is quieter is not measured, and neither is one beside
        which everything else is quieter: with next to nothing to separate, ratios are extreme whatever the estimate.
    window : float
        Length in seconds of the windows of framewise metrics; museval's ``window`` and ``hop``.
    bss : bool
        Also measure SIR and SAR, which is most of the cost.
    query : str
        A key of `QUERY_KINDS`: what models that take queries are given.

    Raises
    ------
    OptionError
        If `window` is not positive or longer than a chunk, if `quiet` is not below 0, or if there is no such `query`.
    """

    chunking: Chunking = field(default_factory=lambda: Chunking(hop=10.0))
    root: NodePath = MIXTURE
    sample: int | None = None
    seed: int = 0
    mono: bool = True
    quiet: float = QUIET
    window: float = 1.0
    bss: bool = True
    query: str = "target"

    def __post_init__(self) -> None:
        if not self.quiet < 0:
            raise OptionError(f"'quiet' is {self.quiet} dB: give a loudness below the mixture's, such as -30")
        if self.query not in QUERY_KINDS:
            raise OptionError(f"'query' is '{self.query}'{suggest(self.query, QUERY_KINDS)}")
        if not 0 < self.window <= self.chunking.duration:
            raise OptionError(
                f"windows of {self.window} s do not fit into chunks of {self.chunking.duration} s: give shorter ones"
            )

    def as_dict(self) -> dict[str, object]:
        """Return the settings for JSON, by the names that files of rows have for them; ``query`` only if unusual."""
        values = {"frame" if name == "window" else name: value for name, value in asdict(self).items()}
        return {name: value for name, value in values.items() if name != "query" or value != "target"}
