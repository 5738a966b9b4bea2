"""Separation: the plan, the walk down the tree, its splitters and its output."""
