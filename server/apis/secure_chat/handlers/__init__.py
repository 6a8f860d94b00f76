"""What can be done in secure chat: from a request to a call of the core."""
