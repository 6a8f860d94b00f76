"""The REST routes of conversations and of who is in them."""

from server.apis.workspaces.handlers import conversations as handlers
from server.apis.workspaces.render import conversations as render
from server.apis.workspaces.requests import conversations as requests
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route

_FILLING = (Code.RECIPIENT_NOT_FOUND, Code.ROOM_FULL, Code.TOO_MANY_ROOMS, Code.LIMIT_REACHED)
_IN_ONE = (Code.FORBIDDEN, Code.NOT_FOUND)
_SOMEBODY = "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"


def _members(bounds: Bounds) -> int:
    return requests.MAX_MEMBERS * bounds.id_bytes


_CONVERSATIONS = (
    Route(
        "POST",
        "/chat/conversations",
        requests.CreateConversation,
        handlers.create_conversation,
        render.made,
        "Make a conversation; of two, or of a document, there is one at most",
        access=Access.USER,
        statuses=(201, 200),
        refusals=(*_IN_ONE, *_FILLING),
        extra_body_bytes=_members,
        example={
            "type": "GROUP",
            "workspaceId": "019a9d3e-0000-7b64-9d0e-1f2a3b4c5d6e",
            "name": "general",
            "memberIds": [_SOMEBODY],
        },
    ),
    Route(
        "GET",
        "/chat/conversations",
        requests.ListConversations,
        handlers.list_conversations,
        render.several,
        "The conversations that one is in, the most active first",
        access=Access.USER,
        refusals=_IN_ONE,
    ),
    Route(
        "GET",
        "/chat/conversations/{conversationId}",
        requests.OfConversation,
        handlers.get_conversation,
        render.one,
        "A conversation that one is in, with its members",
        access=Access.USER,
        refusals=_IN_ONE,
    ),
    Route(
        "PUT",
        "/chat/conversations/{conversationId}",
        requests.UpdateConversation,
        handlers.update_conversation,
        render.one,
        "Change what a conversation is called (ADMINs)",
        access=Access.USER,
        refusals=(*_IN_ONE, Code.ID_CONFLICT),
        example={"name": "general, and more"},
    ),
    Route(
        "DELETE",
        "/chat/conversations/{conversationId}",
        requests.OfConversation,
        handlers.delete_conversation,
        render.ended,
        "End a conversation with all that was said there (who owns it)",
        access=Access.USER,
        refusals=_IN_ONE,
    ),
    Route(
        "POST",
        "/chat/conversations/{conversationId}/read",
        requests.MarkAsRead,
        handlers.mark_as_read,
        render.read,
        "Note that one has read a conversation, up to a message or all of it",
        access=Access.USER,
        refusals=_IN_ONE,
        example={"messageId": "message-1"},
    ),
    Route(
        "GET",
        "/chat/workspaces/{workspaceId}/unread-count",
        OfWorkspace,
        handlers.count_unread,
        render.unread,
        "How much is unread in a workspace, and where; of each conversation at most 1000",
        access=Access.USER,
        refusals=_IN_ONE,
    ),
)

_MEMBERS = (
    Route(
        "POST",
        "/chat/conversations/{conversationId}/members",
        requests.AddMember,
        handlers.add_member,
        render.one,
        "Have somebody in a conversation (ADMINs), or oneself in that of a document",
        access=Access.USER,
        refusals=(*_IN_ONE, *_FILLING),
        example={"userId": _SOMEBODY},
    ),
    Route(
        "DELETE",
        "/chat/conversations/{conversationId}/members/{userId}",
        requests.RemoveMember,
        handlers.remove_member,
        render.removed,
        "Remove somebody from a conversation, or leave it",
        access=Access.USER,
        refusals=(*_IN_ONE, Code.RECIPIENT_NOT_FOUND),
    ),
    Route(
        "PUT",
        "/chat/conversations/{conversationId}/members/{userId}/role",
        requests.SetRole,
        handlers.set_role,
        render.one,
        "Change the role of a member (who owns the conversation)",
        access=Access.USER,
        refusals=(*_IN_ONE, Code.RECIPIENT_NOT_FOUND),
        example={"role": "ADMIN"},
    ),
)

ROUTES = (*_CONVERSATIONS, *_MEMBERS)
