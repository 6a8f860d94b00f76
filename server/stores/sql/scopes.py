"""Which rooms there are for whom, as conditions on a room `r`.

What is said in some rooms of workspaces is sealed by us, which the words of secure chat and of the
event queue do not provide for: they promise what only the clients can read.
"""

SHARED = "NOT r.is_sealed"
"""Those of secure chat and the event queue: it is in each statement by which these find a room."""

OF_WORKSPACES = "r.workspace_id IS NOT NULL"
"""Those of workspaces, which share some of theirs with these."""

ANY = "TRUE"
"""Those of whoever looks after all of them."""
