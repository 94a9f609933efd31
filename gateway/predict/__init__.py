"""The story of one call, start to finish: `handle.py` begins it. Read this room first."""
