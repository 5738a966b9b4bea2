"""Leakage: other instruments in a microphone's recording."""
