"""What `scripts/soak` runs.

`member` speaks the session relay and tells the checker all it hears, `rooms` decides who does
what when. The checker, and the transports on raw sockets, are in tests/talk.
"""
