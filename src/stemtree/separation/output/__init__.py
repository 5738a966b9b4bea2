"""A separated song on disk: integer sums, stem files, the manifest."""
