"""What a dataset holds: tables and figures."""
