"""Building a hierarchical dataset from folders of raw multitracks: stems, leakage, splits, statistics."""
