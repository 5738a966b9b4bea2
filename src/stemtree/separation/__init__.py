"""Separation: the walk down the tree, its splitters, and what comes out."""
