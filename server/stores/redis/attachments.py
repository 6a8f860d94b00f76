"""From which place in a room's log a connection is to be told: what stores tell the broker."""

from server.core.ids import ConnectionId, RoomId


class Attachments:
    """Places of connections of this process, from a store's answer until it is followed."""

    def __init__(self) -> None:
        self._places: dict[tuple[ConnectionId, RoomId], int] = {}

    def note(self, connection_id: ConnectionId, room_id: RoomId, place: int) -> None:
        self._places[connection_id, room_id] = place

    def take(self, connection_id: ConnectionId, room_id: RoomId) -> int | None:
        """The place; None if no connection of this process was attached there."""
        return self._places.pop((connection_id, room_id), None)
