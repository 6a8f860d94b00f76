"""What happened in rooms lately, in order: where what was not heard is found."""

from msgspec import Struct

from server.core.events import RoomEvent
from server.core.ids import RoomId
from server.core.ports import Placed
from server.stores.redis.codec import event_of, pack_event, unpack
from server.stores.redis.keys import tag_of
from server.stores.redis.link import Link
from server.stores.redis.scripts import Script

_PUBLISH = Script("log/publish")
_MISSED = Script("log/missed", ("members",))

_UNKNOWN = b"unknown"


class Known(Struct, frozen=True):
    """All that came after the place, and the newest place."""

    events: tuple[Placed, ...]
    place: int


class Unknown(Struct, frozen=True):
    """What came after the place is not known in full; and the newest place."""

    place: int


class Gone(Struct, frozen=True):
    """There is no such room."""


class RoomLogs:
    """The logs of all rooms of an installation."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def publish(self, event: RoomEvent, *, is_noted: bool) -> None:
        """Tell all processes of an event, and note it in its room's log or not.

        Raises:
            AppError: UNAVAILABLE.
        """
        room_id = event.room_id
        packed = pack_event(event)
        await self._link.run(_PUBLISH, tag_of(room_id), room_id, packed, int(is_noted))

    async def read(self, room_id: RoomId, place: int) -> Known | Unknown | Gone:
        """What happened after a place.

        Raises:
            AppError: UNAVAILABLE.
        """
        answer = await self._link.run(_MISSED, tag_of(room_id), room_id, place)
        if isinstance(answer, int):
            return Gone()
        newest, *found = answer
        if found[:1] == [_UNKNOWN]:
            return Unknown(newest)
        pairs = zip(found[::2], found[1::2], strict=True)
        events = (Placed(at, event_of(room_id, unpack(data))) for at, data in pairs)
        return Known(tuple(events), newest)
