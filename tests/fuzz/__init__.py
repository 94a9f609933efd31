"""Coverage-guided fuzzing of the pure HTTP/2 core: `python -m tests.fuzz --seconds 600`."""
