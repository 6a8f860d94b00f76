"""What clients may ask of groups."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.core.ids import RoomId, UserId
from server.transports.api import RoomName

MAX_MEMBERS = 1_000
"""That one request may name; `Bounds.room_members` says how many a group has."""

GroupCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[!-~]{1,128}$(?!\n)")]
"""A time and a group, as an answer before gave it."""

RoleWord = Literal["owner", "admin", "member"]


class CreateGroup(Struct, frozen=True):
    name: RoomName
    member_ids: Annotated[tuple[UserId, ...], Meta(max_length=MAX_MEMBERS)] = ()


class ListGroups(Struct, frozen=True):
    before: GroupCursor | None = None


class OfGroup(Struct, frozen=True):
    group_id: RoomId


class AddMember(OfGroup, frozen=True, kw_only=True):
    user_id: UserId
    role: RoleWord | None = None


class RemoveMember(OfGroup, frozen=True, kw_only=True):
    user_id: UserId
