"""The REST routes of messages."""

from server.apis.secure_chat.handlers import messages as handlers
from server.apis.secure_chat.render import answer
from server.apis.secure_chat.render import messages as render
from server.apis.secure_chat.requests import messages as requests
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route


def _ciphertext_and_metadata(bounds: Bounds) -> int:
    return bounds.ciphertext_bytes + bounds.metadata_bytes


def _updates(bounds: Bounds) -> int:
    return requests.MAX_IDS * 3 * bounds.id_bytes


ROUTES = (
    Route(
        "POST",
        "/api/messages/send",
        requests.Send,
        handlers.send_message,
        answer(render.sent, "Message sent successfully"),
        "Store ciphertext for a user or a room, once for each message id",
        access=Access.USER,
        statuses=(201,),
        refusals=(
            Code.NOT_FOUND,
            Code.RECIPIENT_NOT_FOUND,
            Code.ID_CONFLICT,
            Code.DEVICE_MISMATCH,
            Code.TOO_MANY_ROOMS,
            Code.LIMIT_REACHED,
        ),
        extra_body_bytes=_ciphertext_and_metadata,
        example={
            "recipientId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e",
            "messageId": "message-1",
            "encryptedContent": "bm90aGluZyB0aGF0IGEgc2VydmVyIGNhbiByZWFk",
        },
    ),
    Route(
        "GET",
        "/api/messages/direct/{userId}",
        requests.ReadDirect,
        handlers.read_direct,
        answer(render.messages),
        "Messages with one user, the newest, or those before or after a sequence",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "GET",
        "/api/messages/room/{roomId}",
        requests.ReadRoom,
        handlers.read_room,
        answer(render.messages),
        "Messages of a room, the newest, or those before or after a sequence",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "GET",
        "/api/messages/offline",
        requests.ReadOffline,
        handlers.read_offline,
        answer(render.offline),
        "Messages of other devices that this one has not acknowledged",
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
        refusals=(Code.NOT_FOUND, Code.ID_CONFLICT),
        example={"status": "read"},
    ),
    Route(
        "POST",
        "/api/messages/status/bulk",
        requests.SetStatuses,
        handlers.set_statuses,
        answer(render.statuses, "Message statuses updated"),
        "The same of many messages",
        access=Access.USER,
        refusals=(Code.ID_CONFLICT, Code.NOT_FOUND),
        extra_body_bytes=_updates,
        example={"messageIds": ["message-1", "message-2"], "status": "delivered"},
    ),
    Route(
        "POST",
        "/api/messages/search",
        requests.SearchMessages,
        handlers.search_messages,
        answer(render.found),
        "Find messages by people, room, time and type",
        access=Access.USER,
        refusals=(Code.UNSEARCHABLE,),
        example={"participantId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e", "limit": 20},
    ),
    Route(
        "DELETE",
        "/api/messages/{messageId}",
        requests.DeleteMessage,
        handlers.delete_message,
        answer(render.deleted, "Message deleted"),
        "Forget what a message said; that there was one stays",
        access=Access.USER,
        refusals=(Code.NOT_FOUND, Code.ID_CONFLICT),
    ),
)
