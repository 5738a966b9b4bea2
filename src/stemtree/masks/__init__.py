"""Masks: which part of each bin belongs to which node."""
