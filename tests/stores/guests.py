"""People who come to the rooms of a store, each through one connection."""

import hashlib
import itertools
from collections.abc import Awaitable
from typing import Any, TypeVar

from server.core.errors import AppError, Code
from server.core.events import Member, RoomEvent
from server.core.ids import ConnectionId, Identity, MessageId, Recipient, RoomId, UserId
from server.core.kinds import Policy
from server.core.opaque import Opaque
from server.core.ports import Appended, Draft, Entry, Joined, Reservation, RoomStore
from tests.clocks import ManualClock

TEA_ROOM = RoomId("tea-room")

POLICY = Policy(
    capacity=4,
    idle_limit_ms=30 * 60_000,
    grace_ms=3_000,
    history_messages=10,
    history_bytes=1 << 20,
)


class House:
    """One store of rooms, all under one policy, and the clock that its guests live by."""

    def __init__(self, rooms: RoomStore, policy: Policy, clock: ManualClock) -> None:
        self.rooms = rooms
        self.policy = policy
        self.clock = clock
        self._numbers = itertools.count(1)

    def next_door(self, rooms: RoomStore) -> "House":
        """Another process's store of the same rooms."""
        house = House(rooms, self.policy, self.clock)
        house._numbers = self._numbers
        return house

    def guest(self, user_id: str, room_id: str = TEA_ROOM) -> "Guest":
        """Somebody with a connection of their own, not in the room yet.

        A `UserId` is kept as it is, so that a `NumericUserId` stays one.
        """
        own = user_id if isinstance(user_id, UserId) else UserId(user_id)
        return Guest(self, own, RoomId(room_id), next(self._numbers))

    async def with_members(self, *user_ids: str, room_id: str = TEA_ROOM) -> "list[Guest]":
        """Guests who have joined, the first of them as the creator."""
        guests = [self.guest(user_id, room_id) for user_id in user_ids]
        for guest in guests:
            await guest.join(as_creator=guest is guests[0])
        return guests

    async def reserve(self, room_id: str = TEA_ROOM, key_hash: bytes | None = None) -> Reservation:
        return await self.rooms.reserve(RoomId(room_id), key_hash, self.policy, self.clock.now_ms())

    async def expire_lost(self) -> tuple[RoomEvent, ...]:
        return await self.rooms.expire_lost(self.clock.now_ms())

    async def expire_idle(self) -> tuple[RoomEvent, ...]:
        return await self.rooms.expire_idle(self.clock.now_ms())

    async def held_bytes(self) -> int:
        return (await self.rooms.totals()).held_bytes

    async def room_ids(self) -> list[str]:
        return [summary.room_id for summary in await self.rooms.summaries(None, 1_000)]


class Guest:
    """One connection of one person.

    Attributes:
        token: The hash of the member token that this guest was given, to be shown later.
    """

    def __init__(self, house: House, user_id: UserId, room_id: RoomId, number: int) -> None:
        self._house = house
        self._rooms = house.rooms
        self._number = number
        self._message_numbers = itertools.count(1)
        self._join_numbers = itertools.count(1)
        self.user_id = user_id
        self.room_id = room_id
        self.connection_id = ConnectionId(f"connection-{number}")
        self.token: bytes | None = None

    def elsewhere(self, user_id: str | None = None, house: House | None = None) -> "Guest":
        """The same person with a new connection, and with nothing to prove it."""
        return (house or self._house).guest(user_id or self.user_id, self.room_id)

    async def join(
        self,
        *,
        key_hash: bytes | None = None,
        as_creator: bool = False,
        name: str | None = None,
        public_key: object = None,
        token: bytes | None = None,
        since_seq: int = 0,
        is_return: bool = False,
    ) -> Joined:
        number = f"{self._number}.{next(self._join_numbers)}"
        entry = Entry(
            room_id=self.room_id,
            user_id=self.user_id,
            connection_id=self.connection_id,
            key_hash=key_hash,
            as_creator=as_creator,
            name=name,
            public_key=None if public_key is None else Opaque(public_key),
            token_hash=token,
            new_identity=Identity(f"identity-{number}"),
            new_token_hash=hashlib.sha256(number.encode()).digest(),
            since_seq=since_seq,
            is_return=is_return,
        )
        joined = await self._rooms.join(entry, self._house.policy, self._now_ms())
        if joined.is_new:
            self.token = entry.new_token_hash
        return joined

    async def say(
        self,
        ciphertext: object = "hello",
        *,
        to: str | None = None,
        is_broadcast: bool | None = None,
        message_id: str | None = None,
        content_type: str = "text",
    ) -> Appended:
        """Send to everybody, or `to` one member; each time under a new id unless one is given."""
        own_id = f"{self.connection_id}-{next(self._message_numbers)}"
        draft = Draft(
            room_id=self.room_id,
            connection_id=self.connection_id,
            message_id=MessageId(message_id or own_id),
            addressed_as=None if to is None else Recipient(to),
            is_broadcast=to is None if is_broadcast is None else is_broadcast,
            ciphertext=Opaque(ciphertext),
            content_type=content_type,
        )
        return await self._rooms.append(draft, self._now_ms())

    async def members(self) -> tuple[Member, ...]:
        return await self._rooms.members(self.room_id, self.connection_id)

    async def save_key(self, public_key: object, name: str | None = None) -> tuple[Member, ...]:
        return await self._rooms.save_key(
            self.room_id, self.connection_id, Opaque(public_key), name
        )

    async def recipient(self, to: str | None, *, is_broadcast: bool = False) -> UserId | None:
        addressed_as = None if to is None else Recipient(to)
        return await self._rooms.recipient(
            self.room_id, self.connection_id, addressed_as, is_broadcast
        )

    async def type(self) -> None:
        await self._rooms.touch(self.room_id, self.connection_id, self._now_ms())

    async def lock(self, locked: bool = True) -> None:
        await self._rooms.lock(self.room_id, self.connection_id, locked)

    async def remove(self, user_id: str) -> tuple[RoomEvent, ...]:
        return await self._rooms.remove(
            self.room_id, self.connection_id, UserId(user_id), self._now_ms()
        )

    async def leave(self) -> tuple[RoomEvent, ...]:
        return await self._rooms.leave(self.room_id, self.connection_id, self._now_ms())

    async def lose(self) -> None:
        await self._rooms.lose(self.connection_id, self._now_ms())

    async def rooms(self) -> set[str]:
        return set(await self._rooms.rooms_of(self.connection_id))

    def _now_ms(self) -> int:
        return self._house.clock.now_ms()


async def refusal(of: Awaitable[object]) -> Code | None:
    """The code with which something is refused; None if it is not."""
    try:
        await of
    except AppError as error:
        return error.code
    return None


def user_ids(members: tuple[Member, ...]) -> list[str]:
    return [member.user_id for member in members]


def texts(joined: Joined) -> list[Any]:
    """What the messages say that a joiner finds."""
    return [message.ciphertext.value for message in joined.messages]


E = TypeVar("E", bound=RoomEvent)


def of_kind(kind: type[E], events: tuple[RoomEvent, ...]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
