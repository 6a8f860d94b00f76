"""What clients may ask of rooms."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.apis.secure_chat.requests.messages import RoomCursor
from server.core.ids import RoomId, UserId
from server.transports.api import RoomName

Description = Annotated[str, Meta(max_length=2_000)]
MAX_MEMBERS = 1_000
"""That one request may name; `Bounds.room_members` says how many a room has."""

Members = Annotated[list[UserId], Meta(max_length=MAX_MEMBERS)]
RoleWord = Literal["owner", "admin", "member"]
Seconds = Annotated[int, Meta(ge=0, le=10 * 365 * 24 * 60 * 60)]


class CreateRoom(Struct, frozen=True, rename="camel"):
    """Members may be named either way."""

    name: RoomName
    description: Description = ""
    participants: Members = []
    participant_ids: Members = []
    message_ttl_seconds: Seconds = 0


class OfRoom(Struct, frozen=True, rename="camel"):
    room_id: RoomId


class ListRooms(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: RoomCursor | None = None


class UpdateRoom(OfRoom, frozen=True, kw_only=True):
    """What is absent stays; messages to come are kept for so long, 0 for as the server has it."""

    name: RoomName | None = None
    description: Description | None = None
    message_ttl_seconds: Seconds | None = None


class AddParticipant(OfRoom, frozen=True, kw_only=True):
    user_id: UserId
    role: RoleWord | None = None


class SetRole(OfRoom, frozen=True, kw_only=True):
    user_id: UserId
    role: RoleWord


class RemoveParticipant(OfRoom, frozen=True, kw_only=True):
    user_id: UserId
