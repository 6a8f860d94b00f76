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
_MISSED = Script("log/missed")


class Known(Struct, frozen=True):
    """All that came after the place, and the newest place."""

    events: tuple[Placed, ...]
    place: int


class Unknown(Struct, frozen=True):
    """What came after the place is not known in full; and the newest place."""

    place: int


class Gone(Struct, frozen=True):
    """There is no such room."""
