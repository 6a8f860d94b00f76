"""What happens in a workspace, for whoever has joined it or one of its conversations.

What is sealed is told sealed, with the wrapped key under which it opens: who delivers it then need
ask no store, and so keeps the order.
"""

from msgspec import Struct

from server.core.ids import ConnectionId, MessageId, RoomId, UserId, WorkspaceId
from server.core.workspaces.values import Channel, Post, Standing


class WorkspaceEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Something that people of a workspace hear of, wherever they are connected.

    Attributes:
        skip: The connection that caused it and need not hear of it.
    """

    workspace_id: WorkspaceId
    skip: ConnectionId | None = None


class ChannelEvent(WorkspaceEvent, frozen=True, kw_only=True):
    """Something that happened in a conversation.

    Attributes:
        only: Whom it is for alone; None for all who are in it.
    """

    room_id: RoomId
    only: UserId | None = None


class PostStored(ChannelEvent, frozen=True, kw_only=True):
    """A message was stored, under the next sequence of its conversation."""

    post: Post


class PostEdited(ChannelEvent, frozen=True, kw_only=True):
    """A message says something else now."""

    post: Post


class PostReacted(ChannelEvent, frozen=True, kw_only=True):
    """Somebody has reacted to a message, or has taken that back; `post` is as it is now."""

    post: Post


class PostDeleted(ChannelEvent, frozen=True, kw_only=True):
    """A message says nothing any more; `user_id` has deleted it."""

    seq: int
    message_id: MessageId
    user_id: UserId
    deleted_ms: int


class PositionMoved(ChannelEvent, frozen=True, kw_only=True):
    """Somebody has read a conversation up to a sequence; up to a message, if it has named one."""

    user_id: UserId
    seq: int
    message_id: MessageId | None
    at_ms: int


class PostTyping(ChannelEvent, frozen=True, kw_only=True):
    """Somebody is typing something, or no longer."""

    user_id: UserId
    is_typing: bool


class ChannelMade(ChannelEvent, frozen=True, kw_only=True):
    """There is a conversation that was none for these users before."""

    users: tuple[UserId, ...]
    channel: Channel


class ChannelChanged(ChannelEvent, frozen=True, kw_only=True):
    """A conversation is another one than before.

    Attributes:
        changed: What of it: `name`, `description`, `icon`, `members`.
        joined: For whom it is new: they have heard of all of it.
    """

    channel: Channel
    changed: tuple[str, ...]
    joined: tuple[UserId, ...] = ()


class ChannelLeft(ChannelEvent, frozen=True, kw_only=True):
    """A conversation is none any more for these users.

    Attributes:
        is_ended: It is none for anybody: it was deleted.
    """

    users: tuple[UserId, ...]
    at_ms: int
    is_ended: bool = False


class StandingChanged(WorkspaceEvent, frozen=True, kw_only=True):
    """Somebody is shown as something else, or is there no more."""

    user_id: UserId
    standing: Standing
    seen_ms: int
    said_ms: int


class WorkspaceLeft(WorkspaceEvent, frozen=True, kw_only=True):
    """Somebody is in the workspace no more."""

    user_id: UserId
