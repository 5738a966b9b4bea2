"""What plays a soundfont or an instrument, by the name of its file."""

from functools import cache
from pathlib import Path

from stemtree.rendering.fluidsynth import Synthesizer
from stemtree.rendering.sfz import SfzPlayer, is_sfz


@cache
def player(soundfont: Path, sample_rate: int) -> Synthesizer | SfzPlayer:
    """The player of an SF2, SF3 or SFZ file; each process makes it once."""
    return SfzPlayer(soundfont, sample_rate) if is_sfz(soundfont) else Synthesizer(soundfont, sample_rate)
