"""Pure routing: which upstream, arm and version a call belongs to."""
