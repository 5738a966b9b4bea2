"""Where estimates of nodes come from: bounds, trained models, the whole pipeline, queries."""
