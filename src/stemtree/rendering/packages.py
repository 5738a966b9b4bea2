"""Packages that only composing and rendering need."""

from typing import Any

from stemtree.extras import library


def render_package(name: str) -> Any:
    """Import a module of the optional dependency group ``render``; raises OptionError that says how to install it."""
    fluidsynth = ", and FluidSynth's library for rendering (Debian: libfluidsynth3)"
    return library(name, "render", "composing and rendering need", fluidsynth)
