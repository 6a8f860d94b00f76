"""What a round of expiry took away."""

from collections.abc import Iterable

from msgspec import Struct

from server.core.events import MemberLeft, RoomEvent, RoomExpired


class Expired(Struct, frozen=True):
    """How many rooms ended, and how many lost members left the others."""

    rooms: int
    members: int

    @classmethod
    def of(cls, *events: Iterable[RoomEvent]) -> "Expired":
        """Count what these events tell of."""
        told = [event for some in events for event in some]
        return cls(
            rooms=sum(isinstance(event, RoomExpired) for event in told),
            members=sum(isinstance(event, MemberLeft) for event in told),
        )
