"""The REST routes of secure chat."""
