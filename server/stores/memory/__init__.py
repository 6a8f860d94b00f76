"""Live state in one process. Nothing here awaits, so that every method is one atomic step."""
