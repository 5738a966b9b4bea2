"""The papers' experiments: what is compared, and how sure a difference is."""

from stemtree.extras import library

library("polars", "evaluate", "experiments and comparisons need")
