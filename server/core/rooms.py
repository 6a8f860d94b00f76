"""Who is in a room: reserve, join, keys, leave, lock, remove, expire."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.events import (
    Member,
    MembersChanged,
    RoomLocked,
)
from server.core.expired import Expired
from server.core.gone import Gone
from server.core.ids import ConnectionId, Identity, RoomId, UserId, new_id, new_secret
from server.core.kinds import Policy
from server.core.limits import WRONG_KEY_COST, Bounds, Rate
from server.core.opaque import Opaque
from server.core.parts import Parts
from server.core.ports import (
    Entry,
    Joined,
    Reservation,
    RoomSummary,
    RoomTotals,
    Standing,
)
from server.core.rates import charge, spend


class Actor(Struct, frozen=True):
    """Who acts: one connection of one user in one room, as the transport knows it."""

    room_id: RoomId
    user_id: UserId
    connection_id: ConnectionId


class JoinRequest(Struct, frozen=True, kw_only=True):
    """A user's wish to join a room; `core.ports.Entry` is what stores see of it.

    Attributes:
        key: The room's; None for a room without one.
        as_creator: Make the room if it is not there.
        member_token: From an earlier `Admission`, which proves to be the same member.
        new_token: What a new member wants as its token; it proves the same when it is shown
            again, as by somebody who has never heard the answer.
        since_seq: The last place in the sequence that the joiner has seen; 0 for none.
    """

    room_id: RoomId
    user_id: UserId
    key: str | None = None
    as_creator: bool = False
    name: str | None = None
    public_key: Opaque | None = None
    member_token: str | None = None
    new_token: str | None = None
    since_seq: int = 0


class Admission(Struct, frozen=True):
    """What a joiner is told, and the token that proves it next time.

    Attributes:
        member_token: None if this connection has proved nothing: it joined with the public
            key of a member only, which everybody in the room knows.
        bounds, policy: What holds here.
    """

    joined: Joined
    member_token: str | None
    bounds: Bounds
    policy: Policy


class Rooms:
    """Rooms of one kind.

    Args:
        policy: Of that kind.
        pepper: Mixed into the hashes of room keys, so that whoever steals a store without
            it cannot try out short keys.
    """

    def __init__(self, parts: Parts, policy: Policy, pepper: bytes) -> None:
        self._parts = parts
        self._policy = policy
        self._pepper = pepper
        self._recoveries = parts.recoveries
        self._gone = Gone(parts.clock)

    async def reserve(self, address: str, room_id: RoomId, key: str | None) -> Reservation:
        """Make a room ahead of its members, or find the one that has this key.

        Raises:
            AppError: ROOM_EXISTS under another key; SERVER_FULL; RATE_LIMITED.
        """
        now_ms = self._parts.clock.now_ms()
        rate = self._parts.rates.reserve
        await spend(self._parts.limiter, "reserve", address, rate, now_ms)
        async with self._guess_costs("reserve", address, rate, now_ms):
            key_hash = self._hash(room_id, key)
            return await self._parts.store.reserve(room_id, key_hash, self._policy, now_ms)

    async def join(
        self, address: str, connection_id: ConnectionId, request: JoinRequest
    ) -> Admission:
        """Join a room, or come back to it.

        Raises:
            AppError: See `RoomStore.join`; also RATE_LIMITED and PAYLOAD_TOO_LARGE.
        """
        self._check_key_size(request.public_key)
        now_ms = self._parts.clock.now_ms()
        rate = self._parts.rates.join
        await spend(self._parts.limiter, "join", address, rate, now_ms)
        new_token = request.new_token or new_secret()
        entry = self._entry(connection_id, request, new_token)
        relay = self._parts.relay
        async with self._guess_costs("join", address, rate, now_ms), relay.hearing(entry.room_id):
            joined = await self._parts.store.join(entry, self._policy, now_ms)
            await relay.follow(*joined.events)
        self._recoveries.entered(entry, joined)
        proof = _shown_token(request) if joined.token_is_good else None
        token = new_token if joined.is_new else proof
        return Admission(joined, token, self._parts.bounds, self._policy)

    async def come_back(self, connection_id: ConnectionId, standing: Standing) -> Joined:
        """Have a connection be in a room again as it was, after a drop.

        Raises:
            AppError: See `RoomStore.join`; also NOT_A_MEMBER.
        """
        entry = Entry(
            room_id=standing.room_id,
            user_id=standing.user_id,
            connection_id=connection_id,
            key_hash=standing.key_hash,
            as_creator=False,
            name=standing.name,
            public_key=standing.public_key,
            token_hash=standing.token_hash,
            new_identity=Identity(new_id()),
            new_token_hash=_token_hash(new_secret()),
            since_seq=0,
            is_return=True,
        )
        relay = self._parts.relay
        async with relay.hearing(entry.room_id):
            joined = await self._parts.store.join(entry, self._policy, self._parts.clock.now_ms())
            await relay.follow(*joined.events)
        if joined.is_new:
            raise AppError(Code.NOT_A_MEMBER, "that member is not known any more; join anew")
        return joined

    async def members(self, actor: Actor) -> tuple[Member, ...]:
        return await self._parts.store.members(actor.room_id, actor.connection_id)

    async def save_key(
        self, actor: Actor, public_key: Opaque, name: str | None
    ) -> tuple[Member, ...]:
        """Replace the actor's own public key, and tell the whole room."""
        self._check_key_size(public_key)
        store = self._parts.store
        before = await store.members(actor.room_id, actor.connection_id)
        members = await store.save_key(actor.room_id, actor.connection_id, public_key, name)
        if members != before:
            await self._parts.relay.follow(MembersChanged(room_id=actor.room_id, members=members))
            self._recoveries.changed(actor.connection_id, actor.room_id, members)
        return members

    async def lock(self, actor: Actor, locked: bool) -> None:
        """Keep newcomers out, or let them in again; the creator's right."""
        await self._parts.store.lock(actor.room_id, actor.connection_id, locked)
        await self._parts.relay.publish(
            RoomLocked(
                room_id=actor.room_id,
                skip=actor.connection_id,
                locked=locked,
                locked_ms=self._parts.clock.now_ms(),
            )
        )

    async def remove(self, actor: Actor, user_id: UserId) -> None:
        """Put a member out and lock the room; the creator's right."""
        now_ms = self._parts.clock.now_ms()
        events = await self._parts.store.remove(actor.room_id, actor.connection_id, user_id, now_ms)
        await self._parts.relay.follow(*events)

    async def leave(self, room_id: RoomId, connection_id: ConnectionId) -> None:
        """Leave at once; another connection of the same user keeps the member in the room."""
        events = await self._parts.store.leave(room_id, connection_id, self._parts.clock.now_ms())
        self._recoveries.detached(connection_id, room_id)
        await self._parts.relay.follow(*events)

    async def leave_all(self, connection_id: ConnectionId) -> None:
        """Leave every room that a connection is in, since it is gone.

        Where the store fails, the rest of them lose it, as soon as `expire` can tell the store.
        """
        with self._gone.telling(connection_id):
            for room_id in await self._parts.store.rooms_of(connection_id):
                await self.leave(room_id, connection_id)

    async def lose(self, connection_id: ConnectionId) -> None:
        """Note a lost connection; its members may come back within their grace.

        Where the store fails, `expire` tells it again.
        """
        with self._gone.telling(connection_id) as now_ms:
            await self._parts.store.lose(connection_id, now_ms)

    async def expire(self) -> Expired:
        """Let lost members leave, forget idle rooms and whom limits counted, when it is time."""
        now_ms = self._parts.clock.now_ms()
        await self._parts.limiter.expire(now_ms)
        # Each is told before the next is tried, which may fail.
        lost = await self._parts.store.expire_lost(now_ms)
        await self._parts.relay.follow(*lost)
        idle = await self._parts.store.expire_idle(now_ms)
        await self._parts.relay.follow(*idle)
        await self._gone.tell_again(self._parts.store.lose)
        return Expired.of(idle, lost)

    async def summaries(self, after: RoomId | None, limit: int) -> tuple[RoomSummary, ...]:
        return await self._parts.store.summaries(after, limit)

    async def totals(self) -> RoomTotals:
        return await self._parts.store.totals()

    def _entry(self, connection_id: ConnectionId, request: JoinRequest, new_token: str) -> Entry:
        token = _shown_token(request)
        return Entry(
            room_id=request.room_id,
            user_id=request.user_id,
            connection_id=connection_id,
            key_hash=self._hash(request.room_id, request.key),
            as_creator=request.as_creator,
            name=request.name,
            public_key=request.public_key,
            token_hash=_token_hash(token) if token else None,
            new_identity=Identity(new_id()),
            new_token_hash=_token_hash(new_token),
            since_seq=request.since_seq,
        )

    @asynccontextmanager
    async def _guess_costs(
        self, what: str, address: str, rate: Rate | None, now_ms: int
    ) -> AsyncIterator[None]:
        try:
            yield
        except AppError as error:
            if rate and error.code in (Code.INVALID_KEY, Code.ROOM_EXISTS):
                # A debt, not a refusal: else guessing would go on with the last tokens.
                await charge(self._parts.limiter, (what, address), rate, WRONG_KEY_COST, now_ms)
            raise

    def _hash(self, room_id: RoomId, key: str | None) -> bytes | None:
        if not key:
            return None
        text = len(room_id).to_bytes(4) + room_id.encode() + key.encode()
        return hmac.digest(self._pepper, text, hashlib.sha256)

    def _check_key_size(self, public_key: Opaque | None) -> None:
        if public_key and public_key.size_bytes > self._parts.bounds.public_key_bytes:
            raise AppError(
                Code.PAYLOAD_TOO_LARGE,
                f"a public key may have {self._parts.bounds.public_key_bytes} bytes",
            )


def _shown_token(request: JoinRequest) -> str | None:
    return request.member_token or request.new_token


def _token_hash(token: str) -> bytes:
    # The token is 256 random bits: a plain hash cannot be searched.
    return hashlib.sha256(token.encode()).digest()
