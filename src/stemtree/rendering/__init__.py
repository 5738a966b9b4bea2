"""Corpora made from MIDI files: composing, planning stems, playing soundfonts, effects."""
