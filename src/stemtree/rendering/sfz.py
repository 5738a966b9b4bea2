"""Parts as sound, by sfizz with instruments in the format SFZ (sfzformat.com)."""

import os
import re
from collections import deque
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from stemtree.audio.samples import Samples
from stemtree.audio.stderr import silence_stderr
from stemtree.errors import CorpusError
from stemtree.extras import library
from stemtree.rendering.fluidsynth import PAN, Preset, events_of
from stemtree.rendering.midi import MidiPart

_GENERATOR = "*"
"""Begins the names of sounds that are made instead of read, such as ``*sine``."""

_BLOCK = 256
"""Samples that sfizz renders at a time; events fall on any sample."""

_MAX_DEPTH = 32
"""Files that include each other."""

_MAX_INCLUDES = 10_000
"""Files that are included, all together; the same one may be included many times."""

_MAX_VALUE, _MAX_ROUNDS = 4096, 256
"""Characters of a word once the values of all ``$NAMES`` are put in, and how many times that is done."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(
    r'#include\s*"(?P<include>[^"\n]*)"'
    r"|#define\s+(?P<name>\$\w+)\s+(?P<value>\S+)"
    r"|(?P<control><control>)"
    r"|\b(?P<opcode>sample|default_path)=(?P<path>[^\n]*?)(?=\s+[\w$]+=|\s*<\w+>|\s*#(?:include|define)|\s*$)",
    re.MULTILINE,
)


class SfzPlayer:
    """Plays parts with one SFZ instrument as it is: velocity layers, round robins, noises of released keys, chokes.

    Every part gets a new sfizz instance, so that round robins begin anew and the result does not depend on what was
    played before.

    Parameters
    ----------
    instrument : pathlib.Path
        The SFZ file; its samples lie where it says.
    sample_rate : int
        In Hz.

    Raises
    ------
    OptionError
        If the package pysfizz is not installed.
    """

    def __init__(self, instrument: Path, sample_rate: int) -> None:
        self._library = library("pysfizz", "sfz", "playing SFZ instruments needs")
        self._instrument, self.sample_rate = instrument, sample_rate

    @cached_property
    def presets(self) -> list[Preset]:
        """Its one sound."""
        return [Preset(self._instrument, 0, 0, self._instrument.stem)]

    def play(self, part: MidiPart, preset: Preset, pan: int, duration: float) -> Samples:
        """Render a part; see `stemtree.rendering.fluidsynth.Synthesizer.play`.

        Raises
        ------
        CorpusError
            If sfizz cannot load the instrument.
        """
        synth = self._load(round(self.sample_rate * 2 ** (-part.size / 12)))
        channel, blocks, num_samples = _Channel(synth), [], round(duration * self.sample_rate)
        channel.cc(0, PAN, pan)
        events = deque(events_of(part))
        for start in range(0, num_samples, _BLOCK):
            while events and (at := round(events[0][0] * self.sample_rate)) < start + _BLOCK:
                channel.delay = at - start
                events.popleft()[1](channel, 0)
            blocks.append(np.array(synth.render_block(), np.float32))
        return np.concatenate(blocks, axis=1)[:, :num_samples]

    def _load(self, sample_rate: int) -> Any:
        synth = self._library._sfizz.Synth(sample_rate, _BLOCK)  # the package's own class only plays single notes
        synth.enable_freewheeling()  # waits for samples that are read from disk
        synth.set_num_voices(256)
        with silence_stderr():
            loaded = synth.load_sfz_file(str(self._instrument)) and synth.get_num_regions()
        if not loaded:
            raise CorpusError(f"cannot load the instrument '{self._instrument}': give a whole SFZ file")
        return synth


def is_sfz(soundfont: Path) -> bool:
    """Whether a file is an SFZ instrument, by its name."""
    return soundfont.suffix.lower() == ".sfz"


def check_sfz(instrument: Path) -> None:
    """Check that an instrument's samples are there; sfizz itself leaves out what is missing without a word.

    Raises
    ------
    CorpusError
        If the file, one that it includes, or a sample is missing, or what it includes or defines has no end.
    """
    samples = list(dict.fromkeys(sample_paths(instrument)))
    if not samples:
        raise CorpusError(f"'{instrument}' has no samples: give an SFZ instrument")
    files = [sample for sample in samples if sample[0] != _GENERATOR]
    missing = [file for file in files if not _exists(instrument.parent, file)]
    if missing:
        raise CorpusError(
            f"'{instrument}' refers to {len(missing)} of {len(files)} samples that are missing, the first "
            f"'{missing[0]}': get the whole instrument"
        )


def sample_paths(instrument: Path) -> Iterator[str]:
    """The paths of all samples that an SFZ file names, relative to its folder, and generators such as ``*sine``.

    See `check_sfz` for what is raised.
    """
    defined: dict[str, str] = {}
    default_path = ""
    for match in _tokens(instrument, instrument, defined, 0, count()):
        if match["control"]:
            default_path = ""
            continue
        path = _substitute(match["path"], defined, instrument).strip().replace("\\", "/")
        if match["opcode"] == "default_path":
            default_path = path
        elif path:
            yield path if path[0] == _GENERATOR else default_path + path


def _tokens(
    instrument: Path, file: Path, defined: dict[str, str], depth: int, files: Iterator[int]
) -> Iterator[re.Match[str]]:
    """Opcodes in the order in which a player meets them; included files are relative to the instrument's folder.

    `files` counts those that were read.
    """
    if next(files) > _MAX_INCLUDES:
        raise CorpusError(f"'{instrument}' includes more than {_MAX_INCLUDES:,} files: get the whole instrument")
    if depth > _MAX_DEPTH:
        raise CorpusError(f"the files of '{instrument}' include each other: get the whole instrument")
    try:
        text = file.read_bytes().decode("utf-8", "replace").replace("\r", "\n").replace("\0", " ")
    except OSError as error:
        raise CorpusError(
            f"cannot read '{file}' of the instrument '{instrument}': {error.strerror}; get all of it"
        ) from None
    for match in _TOKEN.finditer(_COMMENT.sub("", text)):
        if match["name"]:
            defined[match["name"]] = match["value"]
            _substitute(match["value"], defined, instrument)  # sfizz never ends where it contains itself
        elif match["include"] is not None:
            included = _substitute(match["include"], defined, instrument).replace("\\", "/")
            yield from _tokens(instrument, instrument.parent / included, defined, depth + 1, files)
        else:
            yield match


def _substitute(text: str, defined: dict[str, str], instrument: Path) -> str:
    """Put values in for names, of which the longest that is defined counts, also for names in these values."""
    names = sorted(defined, key=len, reverse=True) if "$" in text else []
    for _ in range(_MAX_ROUNDS):
        name = next((name for name in names if name in text), None)
        if name is None:
            return text
        text = text.replace(name, defined[name])
        if len(text) > _MAX_VALUE:
            break
    raise CorpusError(f"a value that '{instrument}' defines contains itself or has no end: get the whole instrument")


def _exists(folder: Path, sample: str) -> bool:
    """Whether a file exists, in whatever letter case, as sfizz looks for it."""
    place = Path(os.path.normpath(folder / sample))
    if os.path.isfile(place):  # unlike pathlib's it takes any name, even one that is too long for a file
        return True
    found = Path(place.anchor)
    for name in place.relative_to(place.anchor).parts:
        if not os.path.exists(found / name):
            name = _names_in(found).get(name.casefold(), name)
        found /= name
    return os.path.isfile(found)


@cache
def _names_in(folder: Path) -> dict[str, str]:
    return {name.casefold(): name for name in os.listdir(folder)} if folder.is_dir() else {}


class _Channel:
    """What `events_of` sends, for sfizz: at a sample of the block that is rendered next."""

    def __init__(self, synth: Any) -> None:
        self._synth, self.delay = synth, 0

    def noteon(self, channel: int, key: int, velocity: int) -> None:
        self._synth.note_on(self.delay, key, velocity)

    def noteoff(self, channel: int, key: int) -> None:
        self._synth.note_off(self.delay, key, 0)

    def pitch_bend(self, channel: int, value: int) -> None:
        self._synth.pitch_wheel(self.delay, value)

    def cc(self, channel: int, number: int, value: int) -> None:
        self._synth.cc(self.delay, number, value)
