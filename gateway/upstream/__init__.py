"""Edge towards model servers: replicas, connections, versions, and carrying one message to one of them."""
