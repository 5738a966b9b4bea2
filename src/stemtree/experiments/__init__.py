"""The sources' experiments: what is compared, and how sure a difference is."""
