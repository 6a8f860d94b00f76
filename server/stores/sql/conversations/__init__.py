"""Durable rooms and their messages in SQL: `SqlConversations` and `SqlMessages`.

Whatever changes a room, its members or its sequence locks the room's row first, in a statement
of its own, and looks at everything else after that: what another transaction was about to
change has then been changed.
"""

from server.stores.sql.conversations.conversations import SqlConversations
from server.stores.sql.conversations.leaving import leave_rooms
from server.stores.sql.conversations.messages import SqlMessages

__all__ = ["SqlConversations", "SqlMessages", "leave_rooms"]
