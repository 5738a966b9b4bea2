"""A page to listen to a separated song: what it plays and shows, its server, and exports for other programs."""
