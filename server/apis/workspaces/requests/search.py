"""What clients may look for."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.core.ids import RoomId, UserId, WorkspaceId
from server.transports.api import FoundCursor, Time

Words = Annotated[str, Meta(min_length=1, max_length=512)]


class SearchMessages(Struct, frozen=True, kw_only=True, rename="camel"):
    """`query` is another word for `q`; in all one's workspaces, if none is said."""

    q: Words | None = None
    query: Words | None = None
    workspace_id: WorkspaceId | None = None
    conversation_id: RoomId | None = None
    user_id: UserId | None = None
    from_time: Time | None = msgspec.field(default=None, name="from")
    to_time: Time | None = msgspec.field(default=None, name="to")
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    cursor: FoundCursor | None = None

    def __post_init__(self) -> None:
        if self.q is None and self.query is None:
            raise ValueError("Expected q")
