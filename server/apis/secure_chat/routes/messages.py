"""The REST routes of messages."""

from server.apis.secure_chat.handlers import messages as handlers
from server.apis.secure_chat.render import answer
from server.apis.secure_chat.render import messages as render
from server.apis.secure_chat.requests import messages as requests
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "POST",
        "/api/messages/send",
        requests.Send,
        handlers.send_message,
        answer(render.sent, "Message sent successfully", 201),
        "Store ciphertext for a user or a room, once for each message id",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/messages/direct/{userId}",
        requests.ReadDirect,
        handlers.read_direct,
        answer(render.messages),
        "Messages with one user, the newest, or those before or after a sequence",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/messages/room/{roomId}",
        requests.ReadRoom,
        handlers.read_room,
        answer(render.messages),
        "Messages of a room, the newest, or those before or after a sequence",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/messages/offline",
        requests.ReadOffline,
        handlers.read_offline,
        answer(render.offline),
        "Messages of others that this device has not acknowledged",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/messages/conversations",
        requests.ListConversations,
        handlers.list_conversations,
        answer(render.conversations),
        "One's conversations with the last message of each, the most active first",
        access=Access.USER,
    ),
    Route(
        "PUT",
        "/api/messages/{messageId}/status",
        requests.SetStatus,
        handlers.set_status,
        answer(render.status, "Message status updated"),
        "Say that a message has come to this device, or was read",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/messages/status/bulk",
        requests.SetStatuses,
        handlers.set_statuses,
        answer(render.statuses, "Message statuses updated"),
        "The same of many messages",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/messages/search",
        requests.SearchMessages,
        handlers.search_messages,
        answer(render.found),
        "Find messages by people, room, time and type",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/messages/{messageId}",
        requests.DeleteMessage,
        handlers.delete_message,
        answer(render.deleted, "Message deleted"),
        "Forget what a message said; that there was one stays",
        access=Access.USER,
    ),
)
