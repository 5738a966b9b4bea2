"""Leakage: which instruments are heard in another's microphone."""
