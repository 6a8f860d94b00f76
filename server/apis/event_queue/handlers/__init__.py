"""What can be done with the event queue."""
