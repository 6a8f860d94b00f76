"""What happens in durable rooms is told to whoever may hear of it, in whatever words.

Users hear of it, one by one, on the lines of secure chat and of the event queue: but for rooms in
which we seal what is said, which are none for these. Who listens to a workspace hears of it once a
workspace.
"""

from collections.abc import Awaitable, Callable

from msgspec import structs

from server.core.durable import (
    Conversation,
    ConversationChanged,
    ConversationEnded,
    MessageDeleted,
    MessageEdited,
    MessageStored,
    StoredMessage,
)
from server.core.ids import ConnectionId, RoomId, UserId, WorkspaceId
from server.core.ports.channels import ChannelStore
from server.core.ports.conversations import Deleted, Receipt, StoredNew
from server.core.ports.posts import ChangedPost
from server.core.ports.workspaces import Departure
from server.core.user_events import MailWaits, UserEvent
from server.core.workspaces.events import (
    ChannelChanged,
    ChannelLeft,
    ChannelMade,
    PositionMoved,
    PostDeleted,
    PostEdited,
    PostReacted,
    PostStored,
    WorkspaceEvent,
    WorkspaceLeft,
)
from server.core.workspaces.values import Channel, Post, WrappedKey

Notify = Callable[[UserEvent], Awaitable[None]]
"""Tells users what happened, wherever they are connected; it never fails."""

Tell = Callable[[WorkspaceEvent], Awaitable[None]]
"""Tells whoever listens to a workspace; it never fails."""

Users = tuple[UserId, ...]


class Teller:
    """Tells users and workspaces."""

    def __init__(self, notify: Notify, tell: Tell, channels: ChannelStore) -> None:
        self.notify = notify
        self.tell = tell
        self._channels = channels

    # --- messages ---

    async def stored(
        self, new: StoredNew, skip: ConnectionId | None, key: WrappedKey | None = None
    ) -> None:
        """A message was stored; sealed under a key, if one is said."""
        if key is None:
            await self.notify(mail_of(new.message, new.readers, skip))
        if new.post is not None:
            await self.posted(structs.replace(new.post, key=key), skip)

    async def posted(self, post: Post, skip: ConnectionId | None = None) -> None:
        """The same for its workspace alone."""
        said = post.message
        if said.workspace_id is not None:
            await self.tell(
                PostStored(
                    workspace_id=said.workspace_id,
                    room_id=said.room_id,
                    only=only_for(post),
                    skip=skip,
                    post=post,
                )
            )

    async def waits(self, readers: Users) -> None:
        """Something may wait for them."""
        await self.notify(MailWaits(users=readers))

    async def deleted(
        self, done: Deleted, user_id: UserId, now_ms: int, *, is_sealed: bool = False
    ) -> None:
        """A message says nothing any more."""
        said = done.message
        if not is_sealed:
            await self.notify(
                MessageDeleted(
                    users=done.readers,
                    stream=said.room_id,
                    seq=said.seq,
                    message_id=said.message_id,
                    user_id=user_id,
                    deleted_ms=now_ms,
                )
            )
        if said.workspace_id is not None:
            await self.tell(
                PostDeleted(
                    workspace_id=said.workspace_id,
                    room_id=said.room_id,
                    only=said.sender if done.readers == (said.sender,) else None,
                    seq=said.seq,
                    message_id=said.message_id,
                    user_id=user_id,
                    deleted_ms=now_ms,
                )
            )

    async def edited(self, done: ChangedPost) -> None:
        """A message says something else."""
        post, said = done.post, done.post.message
        if post.key is None and said.ciphertext is not None:
            await self.notify(
                MessageEdited(
                    users=done.readers,
                    stream=said.room_id,
                    seq=said.seq,
                    message_id=said.message_id,
                    ciphertext=said.ciphertext,
                    metadata=said.metadata,
                    edited_ms=post.edited_ms or said.sent_ms,
                )
            )
        await self.changed_post(PostEdited, done)

    async def changed_post(
        self, event: type[PostEdited] | type[PostReacted], done: ChangedPost
    ) -> None:
        """A message is another than before; to its workspace alone."""
        said = done.post.message
        if said.workspace_id is not None:
            await self.tell(
                event(
                    workspace_id=said.workspace_id,
                    room_id=said.room_id,
                    only=only_for(done.post),
                    post=done.post,
                )
            )

    async def read(self, receipts: tuple[Receipt, ...], user_id: UserId, now_ms: int) -> None:
        """Somebody has read these; its position in their rooms may have moved by that."""
        moved = {one.room_id: one for one in receipts if one.workspace_id and one.position}
        for one in moved.values():
            await self.tell(
                PositionMoved(
                    workspace_id=WorkspaceId(one.workspace_id or ""),
                    room_id=one.room_id,
                    user_id=user_id,
                    seq=one.position or 0,
                    message_id=one.message_id,
                    at_ms=now_ms,
                )
            )

    # --- rooms ---

    async def made(self, channel: Channel, users: Users) -> None:
        """There is a conversation that was none for these users before, if they are in it."""
        room = channel.conversation
        here = {one.user_id for one in room.participants}
        newcomers = tuple(one for one in users if one in here)
        if room.workspace_id is not None and newcomers:
            await self.tell(
                ChannelMade(
                    workspace_id=room.workspace_id,
                    room_id=room.room_id,
                    users=newcomers,
                    channel=nobodys(channel),
                )
            )

    async def changed(
        self, room: Conversation, changed: tuple[str, ...], joined: Users = ()
    ) -> None:
        """A room is another than before; for those who have joined it is new."""
        if not room.is_sealed:
            users = tuple(one.user_id for one in room.participants)
            told = structs.replace(room, role=None)
            await self.notify(ConversationChanged(users=users, conversation=told))
        if room.workspace_id is not None:
            channel = await self._channels.whole(room.room_id)
            if channel is not None:
                await self.changed_channel(channel, changed, joined)

    async def changed_channel(
        self, channel: Channel, changed: tuple[str, ...], joined: Users = ()
    ) -> None:
        """The same for its workspace alone."""
        room = channel.conversation
        if room.workspace_id is None:
            return
        await self.made(channel, joined)
        if not changed:
            return
        await self.tell(
            ChannelChanged(
                workspace_id=room.workspace_id,
                room_id=room.room_id,
                channel=nobodys(channel),
                changed=changed,
                joined=joined,
            )
        )

    async def left(
        self,
        room_id: RoomId,
        workspace_id: WorkspaceId | None,
        users: Users,
        now_ms: int,
        *,
        is_sealed: bool = False,
        is_ended: bool = False,
    ) -> None:
        """A room is none any more for these users."""
        if not is_sealed:
            await self.notify(ConversationEnded(users=users, room_id=room_id, at_ms=now_ms))
        if workspace_id is not None:
            await self.tell(
                ChannelLeft(
                    workspace_id=workspace_id,
                    room_id=room_id,
                    users=users,
                    at_ms=now_ms,
                    is_ended=is_ended,
                )
            )

    async def gone_from(
        self, workspace_id: WorkspaceId, user_id: UserId, gone: Departure, now_ms: int
    ) -> None:
        """Somebody is in a workspace no more, and in none of its conversations."""
        await self.tell(WorkspaceLeft(workspace_id=workspace_id, user_id=user_id))
        for room_id in gone.left:
            rest = await self._channels.whole(room_id) if room_id in gone.changed else None
            is_sealed = room_id not in gone.opaque
            users = (user_id,)
            await self.left(room_id, workspace_id, users, now_ms, is_sealed=is_sealed)
            if rest is not None:
                await self.changed(rest.conversation, ("members",))

    async def changed_in(self, room_id: RoomId) -> bool:
        """Members of a room are not those that they were; False if it is of no workspace."""
        channel = await self._channels.whole(room_id)
        if channel is None:
            return False
        await self.changed(channel.conversation, ("members",))
        return True


def mail_of(
    message: StoredMessage, users: Users, skip: ConnectionId | None = None
) -> MessageStored:
    return MessageStored(
        users=users, skip=skip, stream=message.room_id, seq=message.seq, message=message
    )


def only_for(post: Post) -> UserId | None:
    """Whom alone a message is for, if it is not for all."""
    return post.message.sender if post.is_withheld else None


def nobodys(channel: Channel) -> Channel:
    """A conversation as nobody's in particular."""
    return structs.replace(channel, conversation=structs.replace(channel.conversation, role=None))
