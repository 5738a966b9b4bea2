"""Training, validation and test songs without an artist in common."""
