"""The event queue in the words of its contract."""
