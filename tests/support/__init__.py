"""Helpers of several tests: small corpora, files and models made on the spot."""
