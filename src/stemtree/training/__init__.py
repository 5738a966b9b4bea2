"""Training: settings, what one step does, and the run."""
