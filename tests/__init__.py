"""All tests; unit/ mirrors the code."""
