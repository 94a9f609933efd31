"""Edge towards operators: the admin API on a Unix socket, and HTTP pages for metrics and health."""
