"""Training examples from corpora: salience of nodes, sampling of chunks, augmentation of stems, a PyTorch dataset."""
