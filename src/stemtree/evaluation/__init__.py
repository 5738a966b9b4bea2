"""How well a corpus's nodes are estimated: corpus and estimator in, a row per chunk and node out, tables from these."""

from stemtree.extras import library

library("polars", "evaluate", "training and evaluation need")
