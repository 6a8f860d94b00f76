"""Queues of events in SQL: `SqlQueues`.

Whatever changes queues locks them first, in the order of their devices, and after all rooms; the
rows of events come after all queues. Nobody waits in a circle so.
"""

from server.stores.sql.queues.announcing import Announcement, announce
from server.stores.sql.queues.leaving import leave_queues
from server.stores.sql.queues.queues import SqlQueues

__all__ = ["Announcement", "SqlQueues", "announce", "leave_queues"]
