"""The REST routes of messages."""

from server.apis.workspaces.handlers import messages as handlers
from server.apis.workspaces.render import messages as render
from server.apis.workspaces.requests import messages as requests
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route

_OF_MESSAGE = (Code.FORBIDDEN, Code.NOT_FOUND, Code.ID_CONFLICT)


def _content(bounds: Bounds) -> int:
    return 2 * max(bounds.post_bytes, bounds.ciphertext_bytes) + bounds.attachments_bytes


ROUTES = (
    Route(
        "POST",
        "/chat/conversations/{conversationId}/messages",
        requests.SendMessage,
        handlers.send_message,
        render.one,
        "Send a message, once for each of its ids",
        access=Access.USER,
        statuses=(201,),
        refusals=(
            *_OF_MESSAGE,
            Code.DEVICE_MISMATCH,
            Code.LIMIT_REACHED,
            Code.PAYLOAD_TOO_LARGE,
        ),
        extra_body_bytes=_content,
        example={"content": "hello", "clientMessageId": "message-1"},
    ),
    Route(
        "GET",
        "/chat/conversations/{conversationId}/messages",
        requests.ListMessages,
        handlers.list_messages,
        render.several,
        "Messages of a conversation, or of a thread, oldest first",
        access=Access.USER,
        refusals=(Code.FORBIDDEN, Code.NOT_FOUND),
    ),
    Route(
        "PUT",
        "/chat/messages/{messageId}",
        requests.EditMessage,
        handlers.edit_message,
        render.one,
        "Have one's own message say something else",
        access=Access.USER,
        refusals=(*_OF_MESSAGE, Code.LIMIT_REACHED, Code.PAYLOAD_TOO_LARGE),
        extra_body_bytes=_content,
        example={"content": "hello, all"},
    ),
    Route(
        "DELETE",
        "/chat/messages/{messageId}",
        requests.OfMessage,
        handlers.delete_message,
        render.deleted,
        "Delete one's own message; ADMINs others', too",
        access=Access.USER,
        refusals=_OF_MESSAGE,
    ),
    Route(
        "POST",
        "/chat/messages/{messageId}/reactions",
        requests.React,
        handlers.react,
        render.one,
        "Choose an emoji for a message, or take it back",
        access=Access.USER,
        refusals=(*_OF_MESSAGE, Code.LIMIT_REACHED),
        example={"emoji": "👍", "action": "add"},
    ),
)
