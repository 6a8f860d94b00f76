"""The REST routes of rooms."""

from server.apis.secure_chat.handlers import rooms as handlers
from server.apis.secure_chat.render import answer
from server.apis.secure_chat.render import rooms as render
from server.apis.secure_chat.requests import rooms as requests
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "POST",
        "/api/rooms",
        requests.CreateRoom,
        handlers.create_room,
        answer(render.room, "Room created successfully", 201),
        "Make a room, which one owns",
        access=Access.USER,
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
    ),
    Route(
        "PUT",
        "/api/rooms/{roomId}",
        requests.UpdateRoom,
        handlers.update_room,
        answer(render.room, "Room updated successfully"),
        "Change name, description, or how long messages are kept (owner, admins)",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/rooms/{roomId}",
        requests.OfRoom,
        handlers.delete_room,
        answer(render.ended, "Room deleted successfully"),
        "End a room with all of its messages (owner)",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/rooms/{roomId}/participants",
        requests.AddParticipant,
        handlers.add_participant,
        answer(render.room, "Participant added successfully"),
        "Have somebody in a room (owner, admins), or in another role (owner)",
        access=Access.USER,
    ),
    Route(
        "PUT",
        "/api/rooms/{roomId}/participants/{userId}",
        requests.SetRole,
        handlers.add_participant,
        answer(render.room, "Role updated successfully"),
        "The same by the name of the participant",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/rooms/{roomId}/participants/{userId}",
        requests.RemoveParticipant,
        handlers.remove_participant,
        answer(render.removed, "Participant removed successfully"),
        "Leave a room, or take somebody out of it (owner, admins)",
        access=Access.USER,
    ),
)
