"""The gate: every variant measured against float32 in the runtime that will serve it, judged, and shown."""
