"""Edge towards clients: methods, the one status table, health, reflection, transports behind one handler."""
