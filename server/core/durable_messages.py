"""Messages of durable rooms: sent, found, acknowledged, deleted."""

from collections.abc import Mapping

from msgspec import Struct

from server.core.durable import (
    Status,
    StatusAdvanced,
    StoredMessage,
)
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import ConnectionId, DeviceId, MessageId, RoomId, UserId, new_id
from server.core.limits import Rate
from server.core.parts import Parts
from server.core.ports import BacklogPage
from server.core.ports.conversations import (
    Acknowledged,
    Device,
    FoundPage,
    FoundPlace,
    MessagePage,
    MessageRef,
    MessageStore,
    NewMessage,
    Search,
    StoredNew,
    WaitingPlace,
)
from server.core.rates import spend
from server.core.workspaces.telling import Teller, mail_of

EXPIRED_AT_ONCE = 500
"""Messages that are forgotten in one transaction: others wait for it."""

EXPIRY_ROUNDS = 20
"""Transactions of one call of `expire`."""

EXPIRY_INTERVAL_MS = 30_000

REMINDERS = Rate(per_minute=12, burst=12)
"""Repeated messages of one user of which the readers are told: each looks in the store then."""

NO_DEVICE = DeviceId("")
"""The device of a user who has none, such as of another system."""


class Post(Struct, frozen=True, kw_only=True):
    """A message as somebody wants it sent: into a room, or to a user.

    Attributes:
        metadata: The text of a JSON value.
        covered: The devices that it is encrypted for; None if it does not say.
    """

    room_id: RoomId | None
    recipient: UserId | None
    message_id: MessageId | None
    type: str
    ciphertext: str
    metadata: bytes | None
    covered: frozenset[Device] | None


class DurableMessages:
    """Messages of durable rooms of an installation.

    It is a `Backlog`: what a connection of a device was not told.

    Args:
        ttl_ms: For so long messages are kept where their room does not say; None for ever.
    """

    def __init__(
        self, parts: Parts, store: MessageStore, teller: Teller, ttl_ms: int | None
    ) -> None:
        self._parts = parts
        self._store = store
        self._teller = teller
        self._ttl_ms = ttl_ms
        self._expires_next_ms = 0

    async def send(
        self, user: User, post: Post, connection_id: ConnectionId | None = None
    ) -> StoredNew:
        """Store a message, and tell whoever may read it; once for each message id.

        Raises:
            AppError: See `MessageStore.append`; also PAYLOAD_TOO_LARGE and RATE_LIMITED.
        """
        self._check_size(post)
        now_ms = self._now_ms()
        await spend(self._parts.limiter, "send", user.user_id, self._parts.rates.send, now_ms)
        new = NewMessage(
            sender=user.user_id,
            sender_device=user.device_id,
            room_id=post.room_id,
            recipient=post.recipient,
            new_room_id=RoomId(new_id()),
            message_id=post.message_id or MessageId(new_id()),
            type=post.type,
            ciphertext=post.ciphertext,
            metadata=post.metadata,
            covered=post.covered,
        )
        stored = await self._store.append(new, now_ms, self._ttl_ms)
        if not stored.is_repeat:
            await self._teller.stored(stored, connection_id)
        else:
            await self._remind(user, stored.readers, now_ms)
        return stored

    async def _remind(self, user: User, readers: tuple[UserId, ...], now_ms: int) -> None:
        """Have readers look for a message that is sent again.

        Whoever stored it may have died, or lost its database, before it could tell.
        """
        if not await self._parts.limiter.take(f"remind:{user.user_id}", REMINDERS, 1, now_ms):
            await self._teller.waits(readers)

    def _check_size(self, post: Post) -> None:
        bounds = self._parts.bounds
        sizes = (
            (len(post.ciphertext.encode()), bounds.ciphertext_bytes),
            (len(post.metadata or b""), bounds.metadata_bytes),
        )
        for size_bytes, limit_bytes in sizes:
            if size_bytes > limit_bytes:
                raise AppError(
                    Code.PAYLOAD_TOO_LARGE,
                    f"{size_bytes} bytes are more than {limit_bytes}; send it in parts",
                )

    # --- reading ---

    async def history(
        self,
        user: User,
        room_id: RoomId,
        limit: int,
        before: int | None,
        after: int | None,
    ) -> MessagePage:
        """Messages of a room, oldest first: the newest, or those before or after a sequence."""
        return await self._store.history(
            user.user_id, room_id, limit, self._now_ms(), before=before, after=after
        )

    async def direct_history(
        self, user: User, other: UserId, limit: int, before: int | None, after: int | None
    ) -> MessagePage:
        """The same of the direct room with somebody; none if there is no such room."""
        return await self._store.direct_history(
            user.user_id, other, limit, self._now_ms(), before=before, after=after
        )

    async def waiting(self, user: User, after: WaitingPlace | None, limit: int) -> MessagePage:
        """Messages of other devices that this one has not acknowledged."""
        return await self._store.waiting(device_of(user), limit, self._now_ms(), after=after)

    async def after(
        self, user_id: UserId, device_id: DeviceId | None, told: Mapping[str, int], limit: int
    ) -> BacklogPage:
        """What a connection of a device was not told, as `Backlog` has it."""
        device = Device(user_id, device_id or NO_DEVICE)
        page = await self._store.waiting(device, limit, self._now_ms(), told=told)
        mail = tuple(mail_of(one, (user_id,)) for one in page.messages)
        return BacklogPage(mail, is_all=not page.has_more)

    async def search(
        self, user: User, search: Search, before: FoundPlace | None, limit: int
    ) -> FoundPage:
        """Messages that the user may read, the newest first.

        Raises:
            AppError: RATE_LIMITED.
        """
        now_ms = self._now_ms()
        await spend(self._parts.limiter, "search", user.user_id, self._parts.rates.search, now_ms)
        return await self._store.search(user.user_id, search, before, limit, now_ms)

    # --- how far they have come ---

    async def acknowledge(
        self,
        user: User,
        refs: tuple[MessageRef, ...],
        status: Status,
        connection_id: ConnectionId | None = None,
    ) -> Acknowledged:
        """Note that messages have come to this device, or were read; their senders are told."""
        now_ms = self._now_ms()
        done = await self._store.acknowledge(device_of(user), refs, status, now_ms)
        for receipt in done.receipts:
            await self._teller.notify(
                StatusAdvanced(
                    users=(receipt.sender, user.user_id),
                    skip=connection_id,
                    room_id=receipt.room_id,
                    seq=receipt.seq,
                    message_id=receipt.message_id,
                    sender=receipt.sender,
                    user_id=user.user_id,
                    status=receipt.status,
                    at_ms=now_ms,
                )
            )
        await self._teller.read(done.receipts, user.user_id, now_ms)
        return done

    async def acknowledge_one(
        self,
        user: User,
        ref: MessageRef,
        status: Status,
        connection_id: ConnectionId | None = None,
    ) -> None:
        """The same of one message, which must be there.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if the id is that of several.
        """
        done = await self.acknowledge(user, (ref,), status, connection_id)
        if done.unknown:
            await self._store.get(user.user_id, ref, self._now_ms())

    async def delete(self, user: User, ref: MessageRef) -> StoredMessage:
        """Have a message say nothing any more.

        Raises:
            AppError: See `MessageStore.delete`.
        """
        now_ms = self._now_ms()
        done = await self._store.delete(user.user_id, ref, now_ms)
        if not done.is_repeat:
            await self._teller.deleted(done, user.user_id, now_ms)
        return done.message

    async def expire(self) -> None:
        """Forget messages whose time is over, and what is left of rooms that ended; now and then.

        Only so many at once: the rest is forgotten by the next calls.
        """
        now_ms = self._now_ms()
        if now_ms < self._expires_next_ms:
            return
        for _ in range(EXPIRY_ROUNDS):
            if await self._store.expire(now_ms, EXPIRED_AT_ONCE) < EXPIRED_AT_ONCE:
                self._expires_next_ms = now_ms + EXPIRY_INTERVAL_MS
                return

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()


def device_of(user: User) -> Device:
    """The device that a user speaks from."""
    return Device(user.user_id, user.device_id or NO_DEVICE)
