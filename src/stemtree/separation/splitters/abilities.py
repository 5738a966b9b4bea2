"""What splitters can divide, told without torch and without their weights."""

DEFAULT_HIERARCHY = "ms21"
"""What is separated into where nothing says otherwise."""
