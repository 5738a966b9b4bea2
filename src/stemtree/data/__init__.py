"""Training examples from corpora: salience of nodes, sampling of chunks, augmentation of stems, a PyTorch dataset."""

from stemtree.extras import library

library("polars", "evaluate", "training and evaluation need", ", and to train `pip install 'stemtree[train]'`")
