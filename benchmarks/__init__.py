"""Side-by-side measurements: processor time per call, gateway against direct and against peers."""
