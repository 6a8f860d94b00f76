"""What clients may ask of the event queue."""
