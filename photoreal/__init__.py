"""Photo-realistic rooms for training: a program of its own, `python -m photoreal --help`."""
