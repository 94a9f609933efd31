"""The `tidegate` command: one thin command a program, each imported only when called."""
