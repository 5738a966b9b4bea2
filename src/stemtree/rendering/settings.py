"""Settings of rendering, checked."""

import os
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stemtree.audio import OutputFormat
from stemtree.corpora.layout import SPLITS
from stemtree.errors import OptionError, suggest
from stemtree.hierarchy import NodePath, find_nodes, is_within, load
from stemtree.hierarchy.labels import normal_form
from stemtree.hierarchy.names import known_nodes
from stemtree.rendering.fluidsynth import PLAYABLE


@dataclass(frozen=True)
class RenderSettings:
    """How songs are rendered.

    Parameters
    ----------
    soundfonts : tuple of pathlib.Path
        The sounds of all stems are drawn from these: SF2 or SF3 by their programs, and SFZ instruments, which play any
        part, unless `plays` says more.
    drum_soundfonts : tuple of pathlib.Path
        Drum kits are drawn from the drum banks of these, or from all banks of those that have none; if empty, from the
        drum banks of `soundfonts`.
    sample_rate : int
        In Hz.
    stereo : bool
        Stereo with panning, or mono.
    redraw : bool
        Give every part an instrument of any class (`stemtree.rendering.arrange.redraw`).
    redraw_bass : bool
        Redraw basses too: they and other instruments change places.
    double : bool
        Let a second instrument play some of the parts too (`stemtree.rendering.arrange.double`).
    vary : bool
        Change the key of every song, the octave of some parts and the size of every instrument
        (`stemtree.rendering.arrange.vary`).
    effects : bool
        Apply a random chain of effects to every stem (`stemtree.rendering.effects`).
    takes : int
        How many times each song is rendered, with different random choices.
    excerpt : float, optional
        Length in seconds of the part of each take that is rendered, from a random position; by default the whole song.
    hierarchy : str
        Parts that it has no leaf for are left out.
    split : str, optional
        ``train``, ``validation`` or ``test``: folder of the songs in the corpus; or shares such as ``8:1:1``, which
        divide the songs between these three.
    container : {"wav", "flac"}
        Format of the stems, in 16 bits; WAV is read faster, FLAC takes half the space.
    seed : int
        Seed of all random choices.
    plays : tuple of (pathlib.Path, str)
        What some soundfonts alone may play: the General MIDI name of a program, or a node of the hierarchy by any name
        that `stemtree.hierarchy.find_nodes` knows; several lines for one soundfont add up.
    amplifiers : bool
        Play most electric guitars, and some basses, through amplifiers (`stemtree.rendering.amplifier`).
    skip_parts : bool
        Leave parts out that no soundfont has a sound for, where else their song cannot be rendered.

    Raises
    ------
    OptionError
        If there is no soundfont or no such split or container, or if a number is out of range.
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
    plays: tuple[tuple[Path, str], ...] = ()
    skip_parts: bool = False
    amplifiers: bool = False

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
        if not PLAYABLE[0] <= self.sample_rate <= PLAYABLE[1]:
            raise OptionError(f"a sample rate of {self.sample_rate} Hz cannot be: give {PLAYABLE[0]} to {PLAYABLE[1]}")
        OutputFormat(self.container, "pcm16").for_source("pcm16", self.sample_rate)  # whether it holds the rate
        if self.split not in (None, *SPLITS) and not self.shares:
            raise OptionError(f"there is no split '{self.split}'{suggest(self.split, SPLITS)}")
        check_seed(self.seed)
        _ = self._allowed

    def may_play(self, soundfont: Path, program: str, leaf: NodePath) -> bool:
        """Whether a part may be played with a soundfont: a program by its General MIDI name, of a leaf."""
        allowed = self._allowed.get(soundfont)
        return allowed is None or normal_form(program) in allowed or any(is_within(leaf, node) for node in allowed)

    @cached_property
    def _allowed(self) -> dict[Path, set[str]]:
        """For the soundfonts of `plays` the programs and nodes."""
        hierarchy, allowed = load(self.hierarchy), dict[Path, set[str]]()
        for soundfont, name in self.plays:
            is_program = known_nodes(hierarchy, name) is None and hierarchy.knows(name)
            meant = [normal_form(name)] if is_program else find_nodes(hierarchy, name)
            allowed.setdefault(soundfont, set()).update(meant)
        return allowed

    @property
    def shares(self) -> tuple[int, ...]:
        """How many of every so many songs go to each of the three splits; empty where all go to one."""
        if not self.split or not re.fullmatch(r"\d{1,4}:\d{1,4}:\d{1,4}", self.split):
            return ()
        shares = tuple(map(int, self.split.split(":")))
        return shares if any(shares) else ()

    @property
    def channels(self) -> int:
        """Channels of the stems."""
        return 2 if self.stereo else 1

    def as_dict(self) -> dict[str, Any]:
        """All settings that the sound of a song depends on, as its metadata record them."""
        settings = asdict(self) | {
            "soundfonts": [file.name for file in self.soundfonts],
            "drum_soundfonts": [file.name for file in self.drum_soundfonts],
            "plays": [[file.name, name] for file, name in self.plays],
        }
        return {key: value for key, value in settings.items() if key not in ("split", "takes")}


def check_seed(seed: int) -> None:
    """Raise OptionError if a seed is negative, which numpy's generator does not take."""
    if seed < 0:
        raise OptionError(f"the seed {seed} cannot be: give 0 or more")


def worker_count(workers: int | None) -> int:
    """Number of workers, by default one for each core; raises OptionError if `workers` is less than 1."""
    if workers is not None and workers < 1:
        raise OptionError(f"{workers} workers cannot be: give 1 or more")
    return workers or os.cpu_count() or 1
