"""People who know nobody, and the groups of a store in which they meet."""

import itertools
from typing import Any

from server.core.events import Group, MembersChanged, RoomEvent
from server.core.ids import ConnectionId, MessageId, RoomId, UserId
from server.core.kinds import Policy
from server.core.matching import APART_MS, CONNECT_MS
from server.core.opaque import Opaque
from server.core.ports import (
    Appended,
    GroupStore,
    GroupTotals,
    HistoryPage,
    Matched,
    NewGroup,
    Post,
    Report,
    Reported,
    Wish,
)
from tests.clocks import ManualClock

POLICY = Policy(
    capacity=5,
    idle_limit_ms=30 * 60_000,
    grace_ms=3_000,
    history_messages=10,
    history_bytes=1 << 20,
)

DAY_MS = 24 * 60 * 60_000
KEPT_MS = 30 * DAY_MS


class Plaza:
    """One store of groups, and the clock that those who meet there live by.

    Attributes:
        places: Of groups that are made from now on.
    """

    def __init__(self, groups: GroupStore, policy: Policy, clock: ManualClock) -> None:
        self.groups = groups
        self.policy = policy
        self.clock = clock
        self.places = policy.capacity
        self.numbers = itertools.count(1)

    def stranger(self, user_id: str) -> "Stranger":
        """Somebody with a connection of their own, which the store knows nothing of yet.

        A `UserId` is kept as it is, so that a `NumericUserId` stays one.
        """
        own = user_id if isinstance(user_id, UserId) else UserId(user_id)
        return Stranger(self, own, next(self.numbers))

    async def arrive(self, *user_ids: str) -> "list[Stranger]":
        """Strangers who are connected and have joined, one after the other."""
        strangers = [self.stranger(user_id) for user_id in user_ids]
        for one in strangers:
            await one.connect()
            await one.join()
        return strangers

    async def together(self, *user_ids: str, places: int) -> "list[Stranger]":
        """The same in a group of their own of that many places, of which the others are free.

        It takes that all other groups that may take these are full, or less full.
        """
        kept, self.places = self.places, places
        first = self.stranger(user_ids[0])
        await first.connect()
        group = (await first.join()).group
        assert len(group.members) == 1, "another group had room"
        rest = await self.arrive(*user_ids[1:])
        self.places = kept
        groups = [await one.group_id() for one in rest]
        assert groups == [group.room_id] * len(rest)
        return [first, *rest]

    def new_group(self) -> NewGroup:
        number = next(self.numbers)
        return NewGroup(RoomId(f"random:{number}"), f"Night Owls - {number}", self.places)

    async def expire_lost(self) -> tuple[RoomEvent, ...]:
        return await self.groups.expire_lost(self.clock.now_ms())

    async def expire_idle(self) -> tuple[RoomEvent, ...]:
        return await self.groups.expire_idle(self.clock.now_ms())

    async def totals(self) -> GroupTotals:
        return await self.groups.totals()

    async def held_bytes(self) -> int:
        return (await self.totals()).held_bytes


class Stranger:
    """One connection of one user, and what the user does over it or over HTTP.

    Attributes:
        forget_ms: When the store may forget the user; None for 30 days from now.
        address: From where reports come.
    """

    def __init__(self, plaza: Plaza, user_id: UserId, number: int) -> None:
        self._plaza = plaza
        self._groups = plaza.groups
        self.user_id = user_id
        self.name = user_id.title()
        self.connection_id = ConnectionId(f"connection-{number}")
        self.forget_ms: int | None = None
        self.address = f"address of {user_id}"

    def elsewhere(self) -> "Stranger":
        """The same user in another tab, which is not connected yet."""
        return self._plaza.stranger(self.user_id)

    async def connect(self) -> tuple[RoomEvent, ...]:
        return await self._groups.connect(self.user_id, self.connection_id, self._forget_ms())

    async def join(self, public_key: object = "a key", *, over_http: bool = False) -> Matched:
        return await self._match(public_key, is_move=False, over_http=over_http)

    async def move_on(self, public_key: object = None, *, over_http: bool = False) -> Matched:
        return await self._match(public_key, is_move=True, over_http=over_http)

    async def _match(self, public_key: object, *, is_move: bool, over_http: bool) -> Matched:
        now_ms = self._now_ms()
        wish = Wish(
            user_id=self.user_id,
            name=self.name,
            public_key=None if public_key is None else Opaque(public_key),
            connection_id=None if over_http else self.connection_id,
            is_move=is_move,
            new_group=self._plaza.new_group(),
            connect_by_ms=now_ms + CONNECT_MS,
            apart_until_ms=now_ms + APART_MS,
            forget_ms=self._forget_ms(),
        )
        return await self._groups.match(wish, now_ms)

    async def group(self) -> Group:
        found = await self._groups.current(self.user_id)
        assert found, f"{self.user_id} is in no group"
        return found

    async def group_id(self) -> RoomId | None:
        found = await self._groups.current(self.user_id)
        return found.room_id if found else None

    async def leave(self, room_id: str | None = None) -> tuple[RoomEvent, ...]:
        now_ms = self._now_ms()
        return await self._groups.leave(
            await self._room_id(room_id),
            self.user_id,
            self.connection_id,
            now_ms,
            now_ms + APART_MS,
        )

    async def lose(self) -> bool:
        """Lose the connection; whether it is gone, and does not go on in another process."""
        now_ms = self._now_ms()
        leave_at_ms = now_ms + self._plaza.policy.grace_ms
        return await self._groups.lose(self.connection_id, now_ms, leave_at_ms)

    async def say(
        self,
        ciphertext: object = "hello",
        *,
        to: str | None = None,
        message_id: str | None = None,
        room_id: str | None = None,
    ) -> Appended:
        """Send to everybody, or `to` one member; each time under a new id unless one is given."""
        post = Post(
            room_id=await self._room_id(room_id),
            sender=self.user_id,
            connection_id=self.connection_id,
            message_id=MessageId(message_id or f"message-{next(self._plaza.numbers)}"),
            recipient=None if to is None else UserId(to),
            ciphertext=Opaque(ciphertext),
            content_type="text",
        )
        return await self._groups.append(post, self._now_ms())

    async def read(
        self, before: str | None = None, limit: int = 50, room_id: str | None = None
    ) -> HistoryPage:
        return await self._groups.history(
            await self._room_id(room_id),
            self.user_id,
            None if before is None else MessageId(before),
            limit,
        )

    async def type(self, room_id: str | None = None) -> str:
        room = await self._room_id(room_id)
        return await self._groups.touch(room, self.user_id, self._now_ms())

    async def block(self, user_id: str) -> None:
        await self._groups.block(self.user_id, UserId(user_id), self._forget_ms())

    async def unblock(self, user_id: str) -> None:
        await self._groups.unblock(self.user_id, UserId(user_id))

    async def report(
        self, user_id: str, *, evidence: object = None, room_id: str | None = None
    ) -> Reported:
        now_ms = self._now_ms()
        report = Report(
            report_id=f"report-{next(self._plaza.numbers):06}",
            room_id=await self._room_id(room_id),
            reporter=self.user_id,
            user_id=UserId(user_id),
            reason="spam",
            evidence=None if evidence is None else Opaque(evidence),
            created_ms=now_ms,
        )
        return await self._groups.report(report, self.address.encode(), now_ms, now_ms + KEPT_MS)

    async def key(self, *, asker: "Stranger | None" = None, in_group: bool = False) -> Any:
        """The key that is kept of it, as somebody else, or it itself, may see it."""
        who = (asker or self).user_id
        return await self._groups.key_of(self.user_id, who, in_group=in_group)

    async def _room_id(self, room_id: str | None) -> RoomId:
        """The one given, or the user's own."""
        return RoomId(room_id or await self.group_id() or "random:none")

    def _forget_ms(self) -> int:
        return self._now_ms() + KEPT_MS if self.forget_ms is None else self.forget_ms

    def _now_ms(self) -> int:
        return self._plaza.clock.now_ms()


async def ids_of(group: Group | Stranger) -> list[str]:
    """Who is in a group, or in the group of a user, in order of joining."""
    found = await group.group() if isinstance(group, Stranger) else group
    return [member.user_id for member in found.members]


def said(page: HistoryPage) -> list[Any]:
    """What the messages of a page say."""
    return [message.ciphertext.value for message in page.messages]


def seqs(events: tuple[RoomEvent, ...]) -> list[int]:
    """The places that events take in the sequence of a group."""
    return [seq for event in events if (seq := getattr(event, "seq", None)) is not None]


def epochs(events: tuple[RoomEvent, ...]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, MembersChanged)]
