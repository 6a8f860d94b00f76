"""What `scripts/soak` runs.

`checker` knows what must be true of all deliveries, and nothing of any wire. `wires` are the
two transports on raw sockets, `line` one client's way from one to the other, `member` speaks
the session relay and tells the checker all it hears, `rooms` decides who does what when.
"""
