"""Corpora: folders of songs read into `Track` records, and checked."""
