"""Which of 72 labels the files of a session have: proposed from their names, corrected by a person."""
