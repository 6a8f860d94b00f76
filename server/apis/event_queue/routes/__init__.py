"""The REST routes of the event queue."""
