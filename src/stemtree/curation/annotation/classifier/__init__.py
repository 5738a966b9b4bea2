"""Labels proposed from file names by logistic regression on hashed features."""
