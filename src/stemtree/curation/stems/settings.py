"""What decides how stems are made, and the targets that they are brought to."""

from dataclasses import dataclass

from stemtree.audio import OutputFormat, Width
from stemtree.audio.loudness import LoudnessMeter
from stemtree.errors import OptionError
from stemtree.hierarchy import NodePath

TARGET_LUFS, TARGET_PEAK_DBFS = -25.0, -1.0
"""Loudness of pitched stems, and highest sample of percussive ones."""

STEPS: dict[Width, int] = {"pcm16": 1 << 15, "pcm24": 1 << 23, "float": 1 << 21}
"""Steps up to a sample of 1. Floats are rounded to whole steps as well, so that they too add up without rounding."""

_PERCUSSIVE = {"percussion", "drums", "drum_set", "nontonal_percussion"}


@dataclass(frozen=True)
class StemSettings:
    """How stems are made.

    Parameters
    ----------
    hierarchy : str
        Name or file; its leaves are the instrument stems, its second level the MUSDB-like ones.
    sample_rate : int
        Of all files that are written, in Hz.
    stereo : bool
        Whether they have two channels or one.
    width : {"float", "pcm24", "pcm16"}
        Floats keep every stem at its target; integers lower a whole song where its mixture would clip.
    as_thesis : bool
        Whether to leave instrument stems at their own targets, so that they do not add up to anything; the gains are in
        the metadata.
    recorded_balance : bool
        Whether to sum an instrument's tracks as they are recorded, without bringing each to the target.
    automix : bool
        Whether to pan takes of one part apart (`stemtree.curation.sessions.panning.place_tracks`).
    drop_bleed : bool
        Whether to leave out tracks into which other instruments leak.
    skip_bad : bool
        Whether to make a song without the tracks that cannot be used, instead of leaving the song out.

    Raises
    ------
    OptionError
        If sample rate or width cannot be used, or if takes are to be panned apart in mono.
    """

    hierarchy: str = "ms21"
    sample_rate: int = 44100
    stereo: bool = True
    width: Width = "float"
    as_thesis: bool = False
    recorded_balance: bool = False
    automix: bool = False
    drop_bleed: bool = False
    skip_bad: bool = False

    def __post_init__(self) -> None:
        OutputFormat("wav", self.width)
        if not 8000 <= self.sample_rate <= 192000:
            raise OptionError(f"a sample rate of {self.sample_rate} Hz cannot be: give 8000 to 192000")
        if self.automix and not self.stereo:
            raise OptionError("takes cannot be spread in mono: leave out --automix, or --mono")

    @property
    def channels(self) -> int:
        """Channels of all files that are written."""
        return 2 if self.stereo else 1

    def meter(self) -> LoudnessMeter:
        """A new meter for signals of this sample rate and these channels."""
        return LoudnessMeter(self.sample_rate, self.channels)


def is_percussive(node: NodePath) -> bool:
    """Whether a node's target is a peak instead of a loudness."""
    return not _PERCUSSIVE.isdisjoint(node.split("/"))
