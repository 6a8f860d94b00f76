"""What a client has been told of its rooms, as it gives it back when it returns after a drop.

An offset is text: for each room a tag and a place in the room's log, with dots between them.
Behind the place may stand `+n`, if n of the next event's emits were told already, and `~`, if
a list of members was due that was held back.
"""

import base64
import hashlib
import re
from collections.abc import Mapping

from msgspec import Struct

from server.core.ids import RoomId

MAX_CHARS = 4096

_TAG_BYTES = 6
_ENTRY = re.compile(r"([A-Za-z0-9_-]{8})(\d{1,16})(?:\+(\d{1,2}))?(~)?")


class Point(Struct, frozen=True, gc=False):
    """How far a connection has been told of a room.

    Attributes:
        place: In its log.
        emits: Told of the event after that.
        owes_list: The newest list of members may not have been told.
    """

    place: int
    emits: int = 0
    owes_list: bool = False


def tag_of(room_id: RoomId) -> bytes:
    """A short name of a room, the same in every process."""
    digest = hashlib.sha256(room_id.encode()).digest()
    return base64.urlsafe_b64encode(digest[:_TAG_BYTES])


def entry(tag: bytes, point: Point) -> bytes:
    """One room's part of an offset."""
    place = b"%b%d" % (tag, point.place)
    if point.emits:
        place += b"+%d" % point.emits
    return place + b"~" if point.owes_list else place


def read(offset: object) -> Mapping[str, Point]:
    """The points of an offset by the tags of their rooms; none of what is no offset."""
    if not isinstance(offset, str) or len(offset) > MAX_CHARS:
        return {}
    found = map(_ENTRY.fullmatch, offset.split("."))
    return {
        match[1]: Point(int(match[2]), int(match[3] or 0), match[4] is not None)
        for match in found
        if match
    }
