"""Pages and figures of what experiments decided, made from rows alone."""
