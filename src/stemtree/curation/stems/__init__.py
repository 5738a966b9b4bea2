"""Mixed stems on three levels, with MedleyDB-like metadata."""
