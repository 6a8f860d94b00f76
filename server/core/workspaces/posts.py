"""Messages of workspaces: sealed where their clients do not encrypt them; sent, found, changed."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from server.core.durable_messages import REMINDERS
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, FileId, MessageId, RoomId, new_id
from server.core.parts import Parts
from server.core.ports.channels import Place
from server.core.ports.conversations import (
    Deleted,
    Device,
    FoundPlace,
    MessageRef,
    MessageStore,
    NewMessage,
    StoredNew,
)
from server.core.ports.posts import ChangedPost, PostChange, PostStore
from server.core.rates import spend
from server.core.workspaces.attachments import (
    Attachments,
    attachments_in,
    with_attachments,
    without_attachments,
)
from server.core.workspaces.attempts import under_a_key
from server.core.workspaces.channels import Channels
from server.core.workspaces.events import PostReacted
from server.core.workspaces.searching import Searching, SearchWish, having, wanted_words
from server.core.workspaces.telling import Teller
from server.core.workspaces.values import NewPost, Post
from server.core.workspaces.vault import Vault, of_message

TYPE = "text"
"""What a message of a workspace is to secure chat."""


class PostWish(Struct, frozen=True, kw_only=True):
    """A message as somebody wants it sent.

    Attributes:
        content: A text; or ciphertext, where the conversation is opaque.
        file_ids: Files of this conversation, of this user, which the message is to have.
        metadata: The text of a JSON value, which only an opaque message has.
        covered: The devices that an opaque message is encrypted for; None if it does not say.
    """

    room_id: RoomId
    content: str
    attachments: Attachments = ()
    file_ids: tuple[FileId, ...] = ()
    message_id: MessageId | None = None
    reply_to: MessageId | None = None
    metadata: bytes | None = None
    covered: frozenset[Device] | None = None


class EditWish(Struct, frozen=True, kw_only=True):
    """What a message is to say from now on; what is None it keeps."""

    content: str
    attachments: Attachments | None = None
    file_ids: tuple[FileId, ...] | None = None
    metadata: bytes | None = None


class OpenPost(Struct, frozen=True, kw_only=True):
    """A message that can be read: as its client wrote it.

    Attributes:
        content: None of what was deleted.
    """

    post: Post
    content: str | None
    attachments: Attachments = ()


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


class _Said(Struct, frozen=True, kw_only=True):
    """What a message says, as it is stored."""

    ciphertext: str
    metadata: bytes | None
    key_version: int | None
    tokens: tuple[str, ...]


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
        self._vault = vault
        self._teller = teller
        self._ttl_ms = ttl_ms
        self._searching = Searching(store, vault)

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
            return self.opened(structs.replace(stored.post, key=place.key)), False
        ref = MessageRef(stored.message.message_id, wish.room_id)
        post = await self._store.get(user.user_id, ref, now_ms)
        await self._remind(user, post, place, now_ms)
        return self.opened(post), True

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
        return tuple(map(self.opened, found)), has_more

    async def get(self, user: User, ref: MessageRef) -> OpenPost:
        """The message that is meant.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if several are.
        """
        post, _ = await self._found(user, ref)
        return self.opened(post)

    async def edit(self, user: User, ref: MessageRef, wish: EditWish) -> OpenPost:
        """Have a message say something else.

        Raises:
            AppError: See `PostStore.edit`; also INVALID_REQUEST, PAYLOAD_TOO_LARGE, RATE_LIMITED.
        """
        await self._spend(user)
        done = await under_a_key(lambda: self._edit(user, ref, wish))
        if done.is_changed:
            await self._teller.edited(done)
        return self.opened(done.post)

    async def _edit(self, user: User, ref: MessageRef, wish: EditWish) -> ChangedPost:
        post, place = await self._found(user, ref)
        if post.message.sender != user.user_id:
            raise AppError(Code.FORBIDDEN, "that is not your message")
        was = self.opened(post)
        if was.content is None:
            raise AppError(Code.NOT_FOUND, "there is no such message for you")
        said = self._said(
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
        self._check_files(wish.file_ids or ())
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
        return self.opened(done.post)

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
        return self.opened(done.post)

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
        posts = await having(map(self.opened, found.posts), wanted_words(wish.text))
        return Found(posts=posts, next=found.next, has_opaque=has_opaque)

    async def told_after(self, room_id: RoomId, seq: int, limit: int) -> Sequence[Post]:
        """What was stored after a sequence, for nobody in particular: see `PostStore`."""
        return await self._store.told_after(room_id, seq, limit)

    def opened(self, post: Post) -> OpenPost:
        """A message that can be read; asks no store.

        Raises:
            AppError: INTERNAL if it was sealed for another place, or has been changed.
        """
        said = post.message
        if said.ciphertext is None:
            return OpenPost(post=post, content=None)
        if post.key is None:
            return OpenPost(
                post=post, content=said.ciphertext, attachments=attachments_in(said.metadata)
            )
        where = of_message(post.key.workspace_id, said.room_id, said.message_id, post.edits)
        content, attachments = _in_box(self._vault.open(post.key, where, said.ciphertext))
        return OpenPost(post=post, content=content, attachments=tuple(attachments))

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
        self._check_files(wish.file_ids)
        said = self._said(place, message_id, 0, wish)
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

    def _said(self, place: Place, message_id: MessageId, edits: int, wish: PostWish) -> _Said:
        """What a message says, sealed for its place if we seal it."""
        self._check_size(wish, is_sealed=place.key is not None)
        if place.key is None:
            metadata = with_attachments(wish.metadata, wish.attachments)
            limit = self._parts.bounds.metadata_bytes
            _check_bytes("metadata and attachments have", len(metadata or b""), limit)
            return _Said(
                ciphertext=wish.content,
                metadata=metadata,
                key_version=None,
                tokens=(),
            )
        where = of_message(place.workspace_id, place.room_id, message_id, edits)
        plain = msgspec.json.encode([wish.content, list(wish.attachments)])  # see `_in_box`
        return _Said(
            ciphertext=self._vault.seal(place.key, where, plain),
            metadata=None,
            key_version=place.key.version,
            tokens=self._vault.tokens(place.key, wish.content),
        )

    def _check_size(self, wish: PostWish, *, is_sealed: bool) -> None:
        bounds = self._parts.bounds
        limit = bounds.post_bytes if is_sealed else bounds.ciphertext_bytes
        _check_bytes("it has", len(wish.content.encode()), limit)
        if len(wish.attachments) > bounds.attachments:
            raise AppError(Code.INVALID_REQUEST, f"{bounds.attachments} attachments are the most")
        size_bytes = len(msgspec.json.encode(wish.attachments))
        _check_bytes("its attachments have", size_bytes, bounds.attachments_bytes)

    def _check_files(self, file_ids: Sequence[FileId]) -> None:
        if len(file_ids) > self._parts.bounds.attachments:
            most = self._parts.bounds.attachments
            raise AppError(Code.INVALID_REQUEST, f"a message has {most} files at most")

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


def _in_box(plain: bytes) -> tuple[str, list[Any]]:
    """Content and attachments of a sealed message."""
    content, attachments = msgspec.json.decode(plain)
    return content, attachments


def text_in(plain: bytes) -> str:
    """The text of a sealed message, which has its words."""
    return _in_box(plain)[0]


def _ref_of(post: Post) -> MessageRef:
    return MessageRef(post.message.message_id, post.message.room_id)


def _check_bytes(what: str, size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        problem = f"{what} {size_bytes} bytes, and {limit_bytes} are the most"
        raise AppError(Code.PAYLOAD_TOO_LARGE, problem)
