"""The basis of curation: folders of raw tracks, their files, labels and tables."""
