"""From corpora to examples: where nodes are heard, what is drawn, and what a network gets."""
