"""How near an estimate is to the truth: pure functions of audio, one family per file."""
