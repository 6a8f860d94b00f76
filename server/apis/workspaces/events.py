"""The Socket.IO events that clients of workspaces send, on `/chat` and on `/`."""

from server.apis.workspaces.handlers import conversations, events, messages, presence
from server.apis.workspaces.render import conversations as of_conversations
from server.apis.workspaces.render import events as render
from server.apis.workspaces.render import messages as of_messages
from server.apis.workspaces.render import presence as of_presence
from server.apis.workspaces.render.events import as_answer
from server.apis.workspaces.requests.conversations import MarkAsRead, OfConversation, Typing
from server.apis.workspaces.requests.messages import EditMessage, OfMessage, React, SendMessage
from server.apis.workspaces.requests.presence import UpdatePresence
from server.apis.workspaces.requests.workspaces import OfWorkspace
from server.core.errors import Code
from server.transports.api import Access, Action

_IN_ONE = (Code.FORBIDDEN, Code.NOT_FOUND)
_JOINING = (*_IN_ONE, Code.LIMIT_REACHED)
_OF_MESSAGE = (*_IN_ONE, Code.ID_CONFLICT)
_SAYING = (*_OF_MESSAGE, Code.LIMIT_REACHED, Code.PAYLOAD_TOO_LARGE)

_WORKSPACE = {"workspaceId": "019a9d3e-0000-7b64-9d0e-1f2a3b4c5d6e"}
_CONVERSATION = {"conversationId": "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"}
_MESSAGE = {"messageId": "message-1", **_CONVERSATION}

_COMING = {
    "join_workspace": Action(
        OfWorkspace,
        events.join_workspace,
        render.joined_workspace,
        "Hear of all in a workspace that one may hear of, and be there",
        access=Access.USER,
        refusals=_JOINING,
        example=_WORKSPACE,
        ends_recovery=True,
    ),
    "join_conversation": Action(
        OfConversation,
        events.join_conversation,
        render.joined_conversation,
        "Hear who reads and types in a conversation, too",
        access=Access.USER,
        refusals=_JOINING,
        example=_CONVERSATION,
        ends_recovery=True,
    ),
    "leave_conversation": Action(
        OfConversation,
        events.leave_conversation,
        render.left_conversation,
        "Hear of a conversation only what one hears by its workspace",
        access=Access.USER,
        example=_CONVERSATION,
    ),
}

_TALKING = {
    "send_message": Action(
        SendMessage,
        messages.send_message,
        as_answer(of_messages.one),
        "Send a message, once for each of its ids",
        access=Access.USER,
        refusals=(*_SAYING, Code.DEVICE_MISMATCH),
        example={**_CONVERSATION, "content": "hello", "clientMessageId": "message-1"},
    ),
    "edit_message": Action(
        EditMessage,
        messages.edit_message,
        as_answer(of_messages.one),
        "Have one's own message say something else",
        access=Access.USER,
        refusals=_SAYING,
        example={"messageId": "message-1", "content": "hello, all"},
    ),
    "delete_message": Action(
        OfMessage,
        messages.delete_message,
        as_answer(of_messages.deleted),
        "Delete one's own message; ADMINs others', too",
        access=Access.USER,
        refusals=_OF_MESSAGE,
        example=_MESSAGE,
    ),
    "add_reaction": Action(
        React,
        messages.react,
        as_answer(of_messages.one),
        "Choose an emoji for a message, or take it back",
        access=Access.USER,
        refusals=(*_OF_MESSAGE, Code.LIMIT_REACHED),
        example={**_MESSAGE, "emoji": "👍"},
    ),
}

_GOING_ON = {
    "typing_start": Action(
        Typing,
        events.start_typing,
        render.done,
        "Tell that one is typing",
        access=Access.USER,
        refusals=_IN_ONE,
        example=_CONVERSATION,
        if_field=("conversationId",),
    ),
    "typing_stop": Action(
        Typing,
        events.stop_typing,
        render.done,
        "Tell that one has stopped typing",
        access=Access.USER,
        refusals=_IN_ONE,
        example=_CONVERSATION,
        if_field=("conversationId",),
    ),
    "mark_as_read": Action(
        MarkAsRead,
        conversations.mark_as_read,
        as_answer(of_conversations.read),
        "Note that one has read a conversation, up to a message or all of it",
        access=Access.USER,
        refusals=_IN_ONE,
        example=_CONVERSATION,
    ),
    "update_presence": Action(
        UpdatePresence,
        presence.update_presence,
        as_answer(of_presence.one),
        "Say as what one is to be shown in a workspace while one is there",
        access=Access.USER,
        refusals=_IN_ONE,
        example={"status": "away", **_WORKSPACE},
    ),
}

ACTIONS = {**_COMING, **_TALKING, **_GOING_ON}
