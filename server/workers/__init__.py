"""Many processes on one port of one machine: a small supervisor, and its workers."""
