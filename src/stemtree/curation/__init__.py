"""Building a hierarchical dataset from raw multitracks, with a folder for each step."""
