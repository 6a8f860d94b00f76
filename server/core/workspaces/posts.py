"""Messages of workspaces: sealed where their clients do not encrypt them; sent, found, changed."""

from collections.abc import Sequence

from msgspec import Struct, structs

from server.core.durable_messages import REMINDERS
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, MessageId, RoomId, new_id
from server.core.parts import Parts
from server.core.ports.channels import Place
from server.core.ports.conversations import (
    Deleted,
    FoundPlace,
    MessageRef,
    MessageStore,
    NewMessage,
    StoredNew,
)
from server.core.ports.posts import ChangedPost, PostChange, PostStore
from server.core.rates import spend
from server.core.workspaces.attachments import (
    without_attachments,
)
from server.core.workspaces.attempts import under_a_key
from server.core.workspaces.channels import Channels
from server.core.workspaces.content import Contents, EditWish, OpenPost, PostWish
from server.core.workspaces.events import PostReacted
from server.core.workspaces.searching import Searching, SearchWish, having, wanted_words
from server.core.workspaces.telling import Teller
from server.core.workspaces.values import NewPost, Post
from server.core.workspaces.vault import Vault

TYPE = "text"
"""What a message of a workspace is to secure chat."""


class Found(Struct, frozen=True, kw_only=True):
    """Messages that were found, the newest first.

    Attributes:
        next: Before which the search goes on; None at its end. A page may be empty and not the
            last: it looks at only so many messages.
        has_opaque: Conversations were left out, since they are opaque.
    """

    posts: tuple[OpenPost, ...]
    next: FoundPlace | None
    has_opaque: bool


class Posts:
    """Messages of the workspaces of an installation.

    Args:
        ttl_ms: For so long messages are kept; None for ever.
    """

    def __init__(
        self,
        parts: Parts,
        store: PostStore,
        messages: MessageStore,
        channels: Channels,
        vault: Vault,
        teller: Teller,
        ttl_ms: int | None,
    ) -> None:
        self._parts = parts
        self._store = store
        self._messages = messages
        self._channels = channels
        self._teller = teller
        self._ttl_ms = ttl_ms
        self._searching = Searching(store, vault)
        self._contents = Contents(parts.bounds, vault)

    async def send(
        self, user: User, wish: PostWish, connection_id: ConnectionId | None = None
    ) -> tuple[OpenPost, bool]:
        """Store a message, and tell whoever may read it; once for each message id.

        Returns:
            It as it was stored first, and whether that was before.

        Raises:
            AppError: See `MessageStore.append`; NOT_FOUND, also of what it answers;
                INVALID_REQUEST, PAYLOAD_TOO_LARGE and RATE_LIMITED.
        """
        place = await self._channels.place(user, wish.room_id)
        now_ms = self._now_ms()
        await spend(self._parts.limiter, "send", user.user_id, self._parts.rates.send, now_ms)
        place, stored = await self._append(user, place, wish, now_ms)
        if not stored.is_repeat and stored.post is not None:
            await self._teller.stored(stored, connection_id, place.key)
            return self._contents.opened(structs.replace(stored.post, key=place.key)), False
        ref = MessageRef(stored.message.message_id, wish.room_id)
        post = await self._store.get(user.user_id, ref, now_ms)
        await self._remind(user, post, place, now_ms)
        return self._contents.opened(post), True

    async def page(
        self,
        user: User,
        room_id: RoomId,
        limit: int,
        before: int | None = None,
        after: int | None = None,
        thread: MessageId | None = None,
    ) -> tuple[tuple[OpenPost, ...], bool]:
        """Messages of a conversation, or of one thread, as `PostStore.page` has them."""
        await self._channels.place(user, room_id)
        found, has_more = await self._store.page(
            user.user_id, room_id, limit, self._now_ms(), before=before, after=after, thread=thread
        )
        return tuple(map(self._contents.opened, found)), has_more

    async def get(self, user: User, ref: MessageRef) -> OpenPost:
        """The message that is meant.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if several are.
        """
        post, _ = await self._found(user, ref)
        return self._contents.opened(post)

    async def edit(self, user: User, ref: MessageRef, wish: EditWish) -> OpenPost:
        """Have a message say something else.

        Raises:
            AppError: See `PostStore.edit`; also INVALID_REQUEST, PAYLOAD_TOO_LARGE, RATE_LIMITED.
        """
        await self._spend(user)
        done = await under_a_key(lambda: self._edit(user, ref, wish))
        if done.is_changed:
            await self._teller.edited(done)
        return self._contents.opened(done.post)

    async def _edit(self, user: User, ref: MessageRef, wish: EditWish) -> ChangedPost:
        post, place = await self._found(user, ref)
        if post.message.sender != user.user_id:
            raise AppError(Code.FORBIDDEN, "that is not your message")
        was = self._contents.opened(post)
        if post.message.ciphertext is None:
            raise AppError(Code.NOT_FOUND, "there is no such message for you")
        said = self._contents.said(
            place,
            post.message.message_id,
            post.edits + 1,
            PostWish(
                room_id=place.room_id,
                content=wish.content,
                attachments=was.attachments if wish.attachments is None else wish.attachments,
                metadata=wish.metadata or without_attachments(post.message.metadata),
            ),
        )
        self._contents.check_files(wish.file_ids or ())
        change = PostChange(**structs.asdict(said), file_ids=wish.file_ids)
        known, now_ms = _ref_of(post), self._now_ms()
        return await self._store.edit(user.user_id, known, change, post.edits, now_ms)

    async def delete(self, user: User, ref: MessageRef) -> OpenPost:
        """Have a message say nothing any more.

        Raises:
            AppError: See `PostStore.delete`.
        """
        post, place = await self._found(user, ref)
        now_ms = self._now_ms()
        done = await self._store.delete(user.user_id, _ref_of(post), now_ms)
        if done.is_changed:
            deleted = Deleted(message=done.post.message, is_repeat=False, readers=done.readers)
            sealed = place.is_sealed
            await self._teller.deleted(deleted, user.user_id, now_ms, is_sealed=sealed)
        return self._contents.opened(done.post)

    async def react(
        self, user: User, ref: MessageRef, emoji: str, wanted: bool | None = None
    ) -> OpenPost:
        """Have a user's reaction to a message, or not; the other way than it is if None is said.

        Raises:
            AppError: See `PostStore.react`; also RATE_LIMITED.
        """
        await self._spend(user)
        post, _ = await self._found(user, ref)
        now_ms = self._now_ms()
        done = await self._store.react(user.user_id, _ref_of(post), emoji, wanted, now_ms)
        if done.is_changed:
            await self._teller.changed_post(PostReacted, done)
        return self._contents.opened(done.post)

    async def search(
        self, user: User, wish: SearchWish, before: FoundPlace | None, limit: int
    ) -> Found:
        """Messages that have some words, in conversations whose content we seal.

        Raises:
            AppError: See `Searching.find`; also RATE_LIMITED.
        """
        who = await self._channels.enter(user)
        rate, now_ms = self._parts.rates.search, self._now_ms()
        await spend(self._parts.limiter, "search", user.user_id, rate, now_ms)
        found, has_opaque = await self._searching.find(who, wish, before, limit, now_ms)
        posts = await having(map(self._contents.opened, found.posts), wanted_words(wish.text))
        return Found(posts=posts, next=found.next, has_opaque=has_opaque)

    async def told_after(self, room_id: RoomId, seq: int, limit: int) -> Sequence[Post]:
        """What was stored after a sequence, for nobody in particular: see `PostStore`."""
        return await self._store.told_after(room_id, seq, limit)

    def opened(self, post: Post) -> OpenPost:
        """See `Contents.opened`."""
        return self._contents.opened(post)

    # --- parts ---

    async def _append(
        self, user: User, place: Place, wish: PostWish, now_ms: int
    ) -> tuple[Place, StoredNew]:
        """Seal and store a message: also as it is stored, and where."""
        known = [place]

        async def append() -> tuple[Place, StoredNew]:
            at = known.pop() if known else await self._channels.place(user, wish.room_id)
            new = self._new(user, at, wish)
            return at, await self._messages.append(new, now_ms, self._ttl_ms)

        return await under_a_key(append)

    async def _found(self, user: User, ref: MessageRef) -> tuple[Post, Place]:
        """A message that is meant, and what its reader may do where it is.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if several are.
        """
        await self._channels.enter(user)
        post = await self._store.get(user.user_id, ref, self._now_ms())
        return post, await self._channels.place(user, post.message.room_id)

    def _new(self, user: User, place: Place, wish: PostWish) -> NewMessage:
        message_id = wish.message_id or MessageId(new_id())
        self._contents.check_files(wish.file_ids)
        said = self._contents.said(place, message_id, 0, wish)
        return NewMessage(
            sender=user.user_id,
            sender_device=user.device_id,
            room_id=place.room_id,
            recipient=None,
            new_room_id=place.room_id,
            message_id=message_id,
            type=TYPE,
            ciphertext=said.ciphertext,
            metadata=said.metadata,
            covered=wish.covered if place.key is None else None,
            post=NewPost(
                reply_to=wish.reply_to,
                key_version=said.key_version,
                tokens=said.tokens,
                file_ids=wish.file_ids,
            ),
        )

    async def _remind(self, user: User, post: Post, place: Place, now_ms: int) -> None:
        """Tell anew of a message that is sent again: who stored it may have died before it could.

        Whoever was told of it knows by its sequence.
        """
        if await self._parts.limiter.take(f"remind:{user.user_id}", REMINDERS, 1, now_ms):
            return
        await self._teller.posted(post)
        if not place.is_sealed and not post.is_withheld:
            channel = await self._channels.get(user, place.room_id)
            users = tuple(one.user_id for one in channel.conversation.participants)
            await self._teller.waits(users)

    async def _spend(self, user: User) -> None:
        rate = self._parts.rates.send
        await spend(self._parts.limiter, "send", user.user_id, rate, self._now_ms())

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()


def _ref_of(post: Post) -> MessageRef:
    return MessageRef(post.message.message_id, post.message.room_id)
