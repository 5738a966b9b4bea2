"""Corpora: folders of songs read into `Track` records, checked, and made from MIDI files."""
