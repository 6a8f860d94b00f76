"""Connections that may be restored after a drop: what goes into their store, and what comes out."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from server.core.ids import ConnectionId, RoomId, UserId
from server.core.kinds import Kind
from server.core.opaque import Opaque

TAKING_MS = 30_000
"""For a line that has taken a session to keep it as its own."""


class Standing(Struct, frozen=True, kw_only=True):
    """How a connection is in a room, so that it can be there again.

    Attributes:
        place: In the room's log, up to which it knew all when it was attached.
        has_asked: It knows of the room by an answer; else by an event alone.
        key_hash, token_hash, name, public_key: As of its `core.ports.Entry`; of a random group
            there are none.
        ended_place, ended_ms: Of what put it out, of which its client may not have heard; 0 while
            it is there.
    """

    room_id: RoomId
    user_id: UserId
    kind: Kind
    place: int
    has_asked: bool
    key_hash: bytes | None = None
    token_hash: bytes | None = None
    name: str | None = None
    public_key: Opaque | None = None
    ended_place: int = 0
    ended_ms: int = 0


class Session(Struct, frozen=True, kw_only=True):
    """What a client is given back after a drop: its connection, as it was.

    Attributes:
        line: Which line, of all processes', the connection is on.
        user_id: Whom it was signed in as; None for nobody.
    """

    connection_id: ConnectionId
    line: str
    user_id: UserId | None
    rooms: tuple[Standing, ...]


class RecoveryStore(Protocol):
    """Sessions by name, each until its time is over. A name is the hash of a client's secret.

    A session belongs to the line that kept it first, until another line takes it.
    """

    async def keep(self, name: bytes, session: Session, kept_ms: int, now_ms: int) -> bool:
        """Keep a session in the place of the former one; False if that is another line's now."""
        ...

    async def hold(self, lines: Mapping[bytes, str], kept_ms: int, now_ms: int) -> frozenset[bytes]:
        """Keep sessions for so long from now on.

        Args:
            lines: By name, the lines that they belong to as far as is known here.

        Returns:
            The names of those that are other lines' now, which are left as they are.
        """
        ...

    async def take(self, name: bytes, line: str, now_ms: int) -> Session | None:
        """Take a session over to another line. It is given once, until that line keeps it."""
        ...

    async def forget(self, name: bytes, line: str) -> bool:
        """Forget a line's session; False if it is another line's now, which keeps it."""
        ...

    async def expire(self, now_ms: int) -> None:
        """Forget every session whose time is over."""
        ...
