"""Statistics of corpora: tables and figures."""
