"""Packages that only composing and rendering need."""

from pathlib import Path
from typing import Any

from stemtree.extras import library


def render_package(name: str) -> Any:
    """Import a module of the optional dependency group ``render``; raises OptionError that says how to install it."""
    fluidsynth = ", and FluidSynth's library for rendering (Debian: libfluidsynth3)"
    return library(name, "render", "composing and rendering need", fluidsynth)


def default_soundfont() -> Path:
    """The small General MIDI soundfont that pretty_midi brings."""
    return Path(render_package("pretty_midi").__file__).with_name("TimGM6mb.sf2")
