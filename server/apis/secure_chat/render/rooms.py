"""Rooms in the words of secure chat."""

from server.apis.secure_chat import shapes
from server.apis.secure_chat.requests.rooms import OfRoom, RemoveParticipant
from server.core.clock import iso_utc
from server.core.durable import Conversation, Participant
from server.core.kinds import Kind
from server.core.ports.conversations import ListPage

ELSEWHERE: dict[Kind, shapes.RoomType] = {Kind.DOCUMENT: "group"}
"""What rooms are here that only workspaces have."""


def room_type(kind: Kind) -> shapes.RoomType:
    return ELSEWHERE.get(kind, kind.value)


def participant(one: Participant) -> shapes.Participant:
    """A member of a room."""
    return {
        "userId": one.user_id,
        "username": one.username,
        "displayName": one.display_name,
        "role": one.role.value,
        "joinedAt": iso_utc(one.joined_ms),
    }


def room(_: object, one: Conversation) -> shapes.Room:
    """A room with its members."""
    return {
        "roomId": one.room_id,
        "name": one.name,
        "description": one.description,
        "type": room_type(one.kind),
        "createdBy": one.created_by,
        "role": one.role.value if one.role else None,
        "participants": [participant(each) for each in one.participants],
        "messageTtlSeconds": (one.ttl_ms or 0) // 1000,
        "seq": one.seq,
        "createdAt": iso_utc(one.created_ms),
        "updatedAt": iso_utc(one.updated_ms),
    }


def rooms(_: object, page: ListPage) -> shapes.Rooms:
    shown: list[shapes.ListedRoom] = [
        {**room(_, one.conversation), "unreadCount": one.unread} for one in page.rooms
    ]
    return {"rooms": shown, "next": following_place(page)}


def following_place(page: ListPage) -> str | None:
    """The cursor of what follows on a page."""
    if not page.has_more:
        return None
    place = page.rooms[-1].place
    return f"{place.active_ms}.{place.room_id}"


def ended(request: OfRoom, _: None) -> shapes.OfRoom:
    return {"roomId": request.room_id}


def removed(request: RemoveParticipant, _: None) -> shapes.RemovedParticipant:
    return {"roomId": request.room_id, "userId": request.user_id}
