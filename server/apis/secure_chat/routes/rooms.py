"""The REST routes of rooms."""

from server.apis.secure_chat.handlers import rooms as handlers
from server.apis.secure_chat.render import answer
from server.apis.secure_chat.render import rooms as render
from server.apis.secure_chat.requests import rooms as requests
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route

_FILLING = (
    Code.RECIPIENT_NOT_FOUND,
    Code.ROOM_FULL,
    Code.TOO_MANY_ROOMS,
    Code.LIMIT_REACHED,
)


def _members(bounds: Bounds) -> int:
    return requests.MAX_MEMBERS * bounds.id_bytes


ROUTES = (
    Route(
        "POST",
        "/api/rooms",
        requests.CreateRoom,
        handlers.create_room,
        answer(render.room, "Room created successfully"),
        "Make a room, which one owns",
        access=Access.USER,
        statuses=(201,),
        refusals=_FILLING,
        extra_body_bytes=_members,
        example={
            "name": "book club",
            "participants": ["019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"],
            "messageTtlSeconds": 604800,
        },
    ),
    Route(
        "GET",
        "/api/rooms",
        requests.ListRooms,
        handlers.list_rooms,
        answer(render.rooms),
        "The rooms that one is in, the most active first",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/rooms/{roomId}",
        requests.OfRoom,
        handlers.get_room,
        answer(render.room),
        "A room that one is in, with its members",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "PUT",
        "/api/rooms/{roomId}",
        requests.UpdateRoom,
        handlers.update_room,
        answer(render.room, "Room updated successfully"),
        "Change name, description, or how long messages are kept (owner, admins)",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
        example={"name": "slow book club"},
    ),
    Route(
        "DELETE",
        "/api/rooms/{roomId}",
        requests.OfRoom,
        handlers.delete_room,
        answer(render.ended, "Room deleted successfully"),
        "End a room with all of its messages (owner)",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/rooms/{roomId}/participants",
        requests.AddParticipant,
        handlers.add_participant,
        answer(render.room, "Participant added successfully"),
        "Have somebody in a room (owner, admins), or in another role (owner)",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, *_FILLING),
        example={
            "userId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e",
            "role": "admin",
        },
    ),
    Route(
        "PUT",
        "/api/rooms/{roomId}/participants/{userId}",
        requests.SetRole,
        handlers.add_participant,
        answer(render.room, "Role updated successfully"),
        "The same by the name of the participant",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, *_FILLING),
        example={"role": "admin"},
    ),
    Route(
        "DELETE",
        "/api/rooms/{roomId}/participants/{userId}",
        requests.RemoveParticipant,
        handlers.remove_participant,
        answer(render.removed, "Participant removed successfully"),
        "Leave a room, or take somebody out of it (owner, admins)",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, Code.RECIPIENT_NOT_FOUND),
    ),
)
