"""Settings of rendering, checked."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import SPLITS
from stemtree.errors import OptionError, suggest
from stemtree.hierarchy import load


@dataclass(frozen=True)
class RenderSettings:
    """How songs are rendered.

    Parameters
    ----------
    soundfonts : tuple of pathlib.Path
        Where every stem's sound is drawn from.
    drum_soundfonts : tuple of pathlib.Path
        Where drum kits are drawn from, from any bank; unset, the drum banks of `soundfonts`.
    sample_rate : int
        In Hz.
    stereo : bool
        Stereo with panning, or mono.
    redraw : bool
        Give every part an instrument of any class (`stemtree.rendering.midi.redraw`).
    redraw_bass : bool
        Basses too: they and other instruments change places.
    double : bool
        Let a second instrument play some of the parts too (`stemtree.rendering.midi.double`).
    vary : bool
        Play every song in another key, some parts in another octave, and every part on a larger or smaller instrument
        (`stemtree.rendering.midi.vary`).
    effects : bool
        Send every stem through a chain of effects (`stemtree.rendering.effects`).
    takes : int
        How often each song is rendered, with other choices each time.
    excerpt : float, optional
        Only so many seconds of each take, from a drawn place; unset, the whole song.
    hierarchy : str
        Parts that it has no leaf for are left out.
    split : {"train", "validation", "test"} or None
        Folder to put the songs in.
    container : {"wav", "flac"}
        What stems are written as, in 16 bits; WAV is read faster, FLAC takes half the room.
    seed : int
        Decides every choice.

    Raises
    ------
    OptionError
        If there is no soundfont or no such split or container, or a number makes no sense.
    HierarchyError
        If there is no such hierarchy.
    """

    soundfonts: tuple[Path, ...]
    drum_soundfonts: tuple[Path, ...] = ()
    sample_rate: int = 44100
    stereo: bool = True
    redraw: bool = False
    redraw_bass: bool = False
    double: bool = False
    vary: bool = False
    effects: bool = False
    takes: int = 1
    excerpt: float | None = None
    hierarchy: str = "ms21"
    split: str | None = None
    container: str = "wav"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.soundfonts:
            raise OptionError("there is no soundfont to render with: give one with --soundfont")
        if self.takes < 1:
            raise OptionError(f"{self.takes} takes of a song cannot be: give 1 or more")
        if self.excerpt is not None and not self.excerpt > 0:
            raise OptionError(f"an excerpt of {self.excerpt} s cannot be: give more than 0")
        if self.container not in ("wav", "flac"):
            raise OptionError(f"stems cannot be '{self.container}': give wav or flac")
        if self.redraw_bass and not self.redraw:
            raise OptionError("basses alone cannot be redrawn: give --redraw too")
        if not 8000 <= self.sample_rate <= 192000:
            raise OptionError(f"a sample rate of {self.sample_rate} Hz cannot be: give 8000 to 192000")
        if self.split not in (None, *SPLITS):
            raise OptionError(f"there is no split '{self.split}'{suggest(self.split, SPLITS)}")
        check_seed(self.seed)
        load(self.hierarchy)

    def as_dict(self) -> dict[str, Any]:
        """What a song's metadata record: all that its sound depends on, but for the song and the take."""
        settings = asdict(self) | {
            "soundfonts": [file.name for file in self.soundfonts],
            "drum_soundfonts": [file.name for file in self.drum_soundfonts],
        }
        return {key: value for key, value in settings.items() if key not in ("split", "takes")}


def check_seed(seed: int) -> None:
    """Raise OptionError unless a random generator can start from it."""
    if seed < 0:
        raise OptionError(f"the seed {seed} cannot be: give 0 or more")


def worker_count(workers: int | None) -> int:
    """The number asked for, by default one for each core; raises OptionError if it is less than 1."""
    if workers is not None and workers < 1:
        raise OptionError(f"{workers} workers cannot be: give 1 or more")
    return workers or os.cpu_count() or 1
