"""What clients may ask of who is there."""

from typing import Annotated, Literal

from msgspec import Meta

from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.ids import UserId

StandingWord = Literal["online", "away", "busy", "offline"]

MAX_SHOWN = 1_000
"""Of whom one answer tells."""


class UpdatePresence(OfWorkspace, frozen=True, kw_only=True, rename="camel"):
    status: StandingWord
    user_id: UserId | None = None
    sender_id: UserId | None = None


class ListPresence(OfWorkspace, frozen=True, kw_only=True, rename="camel"):
    """`cursor` is `nextCursor` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=MAX_SHOWN)] = MAX_SHOWN
    cursor: UserId | None = None
