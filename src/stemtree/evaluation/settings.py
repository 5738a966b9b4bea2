"""How an evaluation is done."""

from dataclasses import dataclass, field

from stemtree.data.salience import Chunking
from stemtree.errors import OptionError
from stemtree.hierarchy import MIXTURE, NodePath


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What is measured, and on what.

    Parameters
    ----------
    chunking : Chunking
        How songs are cut; its threshold decides the flag ``salient``. By default chunks of 10 s side by side, so that
        global figures count every sample once; the end of a song that fills no chunk is left out.
    root : NodePath
        The node that is taken for the mixture.
    sample : int or None
        Only so many chunks, drawn from all.
    seed : int
        Decides which, and what is drawn for them, such as queries.
    mono : bool
        Average the channels before anything else.
    quiet : float
        In dB. Nodes that lie below the mixture of their chunk by more are counted but not measured, and so are nodes
        next to which everything else does: where there is nothing to separate, any estimate is perfect or a disaster.
    frame : float
        Seconds in a frame of the framewise statistics.
    bss : bool
        Also measure SIR and SAR, most of the cost.

    Raises
    ------
    OptionError
        If a frame is not positive or longer than a chunk, or if `quiet` is not below 0.
    """

    chunking: Chunking = field(default_factory=lambda: Chunking(hop=10.0))
    root: NodePath = MIXTURE
    sample: int | None = None
    seed: int = 0
    mono: bool = True
    quiet: float = -30.0
    frame: float = 1.0
    bss: bool = True

    def __post_init__(self) -> None:
        if not self.quiet < 0:
            raise OptionError(f"'quiet' is {self.quiet} dB: give a level below the mixture's, such as -30")
        if not 0 < self.frame <= self.chunking.duration:
            raise OptionError(
                f"frames of {self.frame} s do not fit into chunks of {self.chunking.duration} s: give shorter ones"
            )
