"""What happens in workspaces, in the words in which their clients hear of it."""

from collections.abc import Callable, Mapping
from typing import Any

from server.apis.workspaces import shapes
from server.apis.workspaces.render.conversations import conversation
from server.apis.workspaces.render.messages import message
from server.core.chat import Chat
from server.core.clock import iso_utc
from server.core.workspaces.deliveries import PostsMissed
from server.core.workspaces.events import (
    ChannelChanged,
    ChannelEvent,
    ChannelLeft,
    ChannelMade,
    PositionMoved,
    PostDeleted,
    PostEdited,
    PostReacted,
    PostStored,
    PostTyping,
    StandingChanged,
    WorkspaceEvent,
)

Told = tuple[str, Any]


def _stored(chat: Chat, event: PostStored) -> Told:
    data: shapes.NewWorkspaceMessage = {
        "message": message(chat.posts.opened(event.post)),
        "conversationId": event.room_id,
    }
    return "message:new", data


def _edited(chat: Chat, event: PostEdited) -> Told:
    return "message:edit", _changed_message(chat, event)


def _reacted(chat: Chat, event: PostReacted) -> Told:
    return "message:reaction", _changed_message(chat, event)


def _changed_message(chat: Chat, event: PostEdited | PostReacted) -> shapes.ChangedMessage:
    return {"message": message(chat.posts.opened(event.post))}


def _deleted(_: Chat, event: PostDeleted) -> Told:
    data: shapes.GoneMessage = {
        "messageId": event.message_id,
        "conversationId": event.room_id,
    }
    return "message:delete", data


def _read(_: Chat, event: PositionMoved) -> Told:
    data: shapes.Read = {
        "userId": str(event.user_id),
        "conversationId": event.room_id,
        "readAt": iso_utc(event.at_ms),
    }
    if event.message_id is not None:
        data["messageId"] = event.message_id
    return "message:read", data


def _typing(_: Chat, event: PostTyping) -> Told:
    data: shapes.Typing = {
        "userId": str(event.user_id),
        "conversationId": event.room_id,
    }
    return "typing:start" if event.is_typing else "typing:stop", data


def _made(chat: Chat, event: ChannelMade) -> Told:
    data: shapes.NewConversation = {
        "conversation": conversation(chat.channels.opened(event.channel))
    }
    return "conversation:new", data


def _changed(chat: Chat, event: ChannelChanged) -> Told:
    now = conversation(chat.channels.opened(event.channel))
    updates: shapes.Updates = {"updatedAt": now["updatedAt"]}
    for one in event.changed:
        updates[one] = now[one]  # type: ignore[literal-required]
    if "members" in event.changed:
        updates["keyEpoch"] = now["keyEpoch"]
    return _updated(event, updates)


def _left(_: Chat, event: ChannelLeft) -> Told:
    if event.is_ended:
        return _updated(event, {"deletedAt": iso_utc(event.at_ms)})
    return _updated(event, {"removed": True})


def _missed(_: Chat, event: PostsMissed) -> Told:
    return _updated(event, {"reload": True})


def _updated(event: ChannelEvent, updates: shapes.Updates) -> Told:
    data: shapes.UpdatedConversation = {"conversationId": event.room_id, "updates": updates}
    return "conversation:updated", data


def _standing(_: Chat, event: StandingChanged) -> Told:
    data: shapes.ChangedPresence = {
        "userId": str(event.user_id),
        "status": event.standing.value,
        "workspaceId": event.workspace_id,
        "lastSeen": iso_utc(event.seen_ms),
    }
    return "presence_update", data


TOLD: Mapping[type[WorkspaceEvent], Callable[[Chat, Any], Told]] = {
    PostStored: _stored,
    PostEdited: _edited,
    PostReacted: _reacted,
    PostDeleted: _deleted,
    PositionMoved: _read,
    PostTyping: _typing,
    ChannelMade: _made,
    ChannelChanged: _changed,
    ChannelLeft: _left,
    PostsMissed: _missed,
    StandingChanged: _standing,
}

HEARD: Mapping[str, Any] = {
    "message:new": shapes.NewWorkspaceMessage,
    "message:edit": shapes.ChangedMessage,
    "message:delete": shapes.GoneMessage,
    "message:reaction": shapes.ChangedMessage,
    "message:read": shapes.Read,
    "typing:start": shapes.Typing,
    "typing:stop": shapes.Typing,
    "conversation:new": shapes.NewConversation,
    "conversation:updated": shapes.UpdatedConversation,
    "presence_update": shapes.ChangedPresence,
    "exception": shapes.Refused,
}
