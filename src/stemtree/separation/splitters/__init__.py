"""Splitters: where the masks of a node come from."""
