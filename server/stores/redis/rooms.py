"""Live rooms in Redis: `core.ports.RoomStore` for many processes."""

import asyncio
import heapq
from collections.abc import Iterable
from itertools import islice
from typing import Any

from server.core.errors import AppError, Code
from server.core.events import ConnectionDetached, Member, RoomEvent
from server.core.ids import ConnectionId, Recipient, RoomId, UserId
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.opaque import Opaque
from server.core.ports import (
    Appended,
    Draft,
    Entry,
    Joined,
    Reservation,
    RoomSummary,
    RoomTotals,
)
from server.stores import refusals
from server.stores.redis import codec, keys
from server.stores.redis import room_answers as answers
from server.stores.redis import room_arguments as arguments
from server.stores.redis import room_scripts as scripts
from server.stores.redis.attachments import Attachments
from server.stores.redis.due import Due
from server.stores.redis.holdings import Holdings, Seed
from server.stores.redis.joins import Joins
from server.stores.redis.leases import Leases
from server.stores.redis.link import Link, RefusedError, Value
from server.stores.redis.recalling import recall
from server.stores.redis.scripts import Script
from server.stores.room_sizes import message_bytes

_AT_ONCE = 100
"""What one script of expiry takes away: nobody else is served meanwhile."""

_DOUBT_MS = 60_000
"""So long after it was given up, a join may run yet, for which nobody waits any more."""

_LOOK_AGAIN_MS = 5_000


class RedisRooms:
    """A `RoomStore` for many processes: what changes a room is one script.

    Args:
        attachments: Told of what place in its room's log a connection begins to hear from.
        node: This process: its connections are attached by it alone.
        leases: Of which rooms and bytes are taken.

    Attributes:
        holdings: What could be restored; to hear what the broker delivers.
    """

    def __init__(
        self, link: Link, attachments: Attachments, node: str, bounds: Bounds, leases: Leases
    ) -> None:
        self._link = link
        self._attachments = attachments
        self._node = node
        self._bounds = bounds
        self._leases = leases
        # Where connections of this process may be attached: all that are, and some that are
        # no longer, or of whose attachment no answer came.
        self._rooms_of: dict[ConnectionId, set[RoomId]] = {}
        self.holdings = Holdings()
        self._joins = Joins()
        self._doubts = Due(())
        self._doubtful_ms = 0
        self._lost = Due(keys.SHARD_TAGS)
        self._idle = Due(keys.SHARD_TAGS)

    # --- coming in ---

    async def reserve(
        self, room_id: RoomId, key_hash: bytes | None, policy: Policy, now_ms: int
    ) -> Reservation:
        self._idle.expect(keys.tag_of(room_id), now_ms + policy.idle_limit_ms)
        created, expires_ms = await self._run(
            scripts.RESERVE, room_id, key_hash or b"", now_ms, *arguments.policy(policy)
        )
        return Reservation(bool(created), expires_ms)

    async def join(self, entry: Entry, policy: Policy, now_ms: int) -> Joined:
        self._idle.expect(keys.tag_of(entry.room_id), now_ms + policy.idle_limit_ms)
        with self._joins.underway(entry.connection_id, entry.room_id):
            answer = await self._attach(entry, policy, now_ms)
            admission = answers.admission_in(entry, answer)
            if self.holdings.join(entry, policy, admission):
                await recall(self._link, self.holdings, entry.room_id, admission.said_seq)
        self._leases.freed()
        self._attachments.note(entry.connection_id, entry.room_id, admission.place)
        return admission.joined

    async def _attach(self, entry: Entry, policy: Policy, now_ms: int) -> Any:
        may_attach = await self._may_attach(entry)
        wish = (*arguments.wish(entry, self._node), int(may_attach))
        try:
            answer = await self._run(
                scripts.JOIN,
                entry.room_id,
                *wish,
                now_ms,
                *arguments.policy(policy),
                int(entry.is_return),
            )
        except AppError as error:
            if error.code is Code.UNAVAILABLE:  # then it may be attached, or be so in a moment
                self._remember(entry.connection_id, entry.room_id)
                self._doubts.expect(keys.tag_of(entry.room_id), now_ms)
                self._doubtful_ms = now_ms + _DOUBT_MS
            raise
        self._remember(entry.connection_id, entry.room_id)
        return answer

    async def _may_attach(self, entry: Entry) -> bool:
        """Whether the connection may be in one room more, if it is not in this one."""
        if self._others(entry) < self._bounds.rooms_per_connection:
            return True
        await self.rooms_of(entry.connection_id)  # which forgets those it was put out of
        return self._others(entry) < self._bounds.rooms_per_connection

    def _others(self, entry: Entry) -> int:
        """How many other rooms the connection is in, or about to be in."""
        return len(self._known(entry.connection_id) - {entry.room_id})

    # --- inside ---

    async def members(self, room_id: RoomId, connection_id: ConnectionId) -> tuple[Member, ...]:
        return answers.members_in(await self._act(scripts.MEMBERS, room_id, connection_id))

    async def save_key(
        self,
        room_id: RoomId,
        connection_id: ConnectionId,
        public_key: Opaque,
        name: str | None,
    ) -> tuple[Member, ...]:
        key = arguments.key(public_key)
        seq, members = await self._act(scripts.SAVE_KEY, room_id, connection_id, *key, name or "")
        self.holdings.count(room_id, seq)
        self._leases.freed()
        return answers.members_in(members)

    async def append(self, draft: Draft, now_ms: int) -> Appended:
        words = (draft.message_id, draft.addressed_as or "", draft.content_type)
        answer = await self._act(
            scripts.APPEND,
            draft.room_id,
            draft.connection_id,
            draft.message_id,
            *arguments.addressed(draft.addressed_as, draft.is_broadcast),
            codec.pack(draft.addressed_as),
            codec.pack(draft.ciphertext),
            draft.content_type,
            message_bytes(draft.ciphertext, *words),
            now_ms,
        )
        appended, sender = answers.appended_in(draft, now_ms, answer)
        self.holdings.append(appended.event, sender)
        return appended

    async def recipient(
        self,
        room_id: RoomId,
        connection_id: ConnectionId,
        addressed_as: Recipient | None,
        is_broadcast: bool,
    ) -> UserId | None:
        whom = arguments.addressed(addressed_as, is_broadcast)
        found = await self._act(scripts.RECIPIENT, room_id, connection_id, *whom)
        return None if found is None else codec.user_id_of(found.decode())

    async def touch(self, room_id: RoomId, connection_id: ConnectionId, now_ms: int) -> None:
        await self._act(scripts.TOUCH, room_id, connection_id, now_ms)

    async def lock(self, room_id: RoomId, connection_id: ConnectionId, locked: bool) -> None:
        await self._act(scripts.LOCK, room_id, connection_id, int(locked))

    async def remove(
        self, room_id: RoomId, connection_id: ConnectionId, user_id: UserId, now_ms: int
    ) -> tuple[RoomEvent, ...]:
        told = await self._act(
            scripts.REMOVE, room_id, connection_id, codec.written(user_id), now_ms
        )
        self._leases.freed()
        return answers.events_in(room_id, told)

    # --- going out ---

    async def leave(
        self, room_id: RoomId, connection_id: ConnectionId, now_ms: int
    ) -> tuple[RoomEvent, ...]:
        told = await self._act(scripts.LEAVE, room_id, connection_id, now_ms)
        self._forget(connection_id, {room_id})
        self._leases.freed()
        return answers.events_in(room_id, told)

    async def lose(self, connection_id: ConnectionId, now_ms: int) -> None:
        await self._joins.ended(connection_id)  # it would be attached after it was lost
        for tag, room_ids in keys.by_tag(self._rooms_of.get(connection_id, ())):
            with self._lost.expecting(tag, now_ms):
                await self._lose(tag, connection_id, now_ms, *room_ids)
            self._forget(connection_id, room_ids)

    async def _lose(self, tag: str, connection_id: ConnectionId, now_ms: int, *ids: RoomId) -> None:
        await self._link.run(scripts.LOSE, tag, connection_id, self._node, now_ms, *ids)

    async def lose_node(self, node: str, now_ms: int, limit: int) -> int:
        """Note that connections of a process are gone, since it is; some at a time.

        Returns:
            How many there were, at most `limit`; fewer, if there are no others.
        """
        count = 0
        for tag in filter(self._link.is_there, keys.SHARD_TAGS):
            if left := limit - count:
                with self._lost.expecting(tag, now_ms):
                    count += await self._link.run(scripts.LOSE_NODE, tag, node, now_ms, left)
        return count

    async def rooms_of(self, connection_id: ConnectionId) -> tuple[RoomId, ...]:
        known = set(self._rooms_of.get(connection_id, ()))
        found: set[RoomId] = set()
        for tag, room_ids in keys.by_tag(known):
            answer = await self._link.run(
                scripts.ATTACHED, tag, connection_id, self._node, *room_ids
            )
            found.update(RoomId(room_id.decode()) for room_id in answer)
        self._forget(connection_id, known - found - self._joins.rooms(connection_id))
        return tuple(found)

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        for tag in self._doubts.asking(now_ms):
            if now_ms < self._doubtful_ms:
                self._doubts.expect(tag, now_ms + _LOOK_AGAIN_MS)
            await self.reconcile(tag, now_ms)
        return await self._expire(scripts.EXPIRE_LOST, self._lost, now_ms)

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        return await self._expire(scripts.EXPIRE_IDLE, self._idle, now_ms)

    async def _expire(self, script: Script, due: Due, now_ms: int) -> tuple[RoomEvent, ...]:
        events: list[RoomEvent] = []
        async with due.asked:
            while tags := due.asking(now_ms):
                try:
                    found = await self._link.run_many(script, [(t, now_ms, _AT_ONCE) for t in tags])
                except AppError:
                    due.expect_all(tags, now_ms)
                    raise
                for tag, (next_ms, *told) in zip(tags, found, strict=True):
                    events += answers.events_of_rooms(told)
                    if next_ms:
                        due.expect(tag, next_ms)
        if events:
            self._leases.freed()
        return tuple(events)

    # --- when Redis has forgotten something, or knows too much ---

    async def restore(self, seed: Seed, now_ms: int) -> tuple[ConnectionId, ...]:
        """Bring back what is known here of a room, after Redis came back empty or older.

        All processes do so, in any order, and each may do so again.

        Returns:
            Connections of this process that are not in the room any more.

        Raises:
            AppError: SERVER_FULL; UNAVAILABLE.
        """
        coming = self._joins.connections(seed.room_id)
        brought = arguments.seed(seed, coming, self._node, now_ms)
        place, *rejected = await self._run(scripts.RESTORE, seed.room_id, *brought)
        self._idle.expect(keys.tag_of(seed.room_id), now_ms + seed.policy.idle_limit_ms)
        self._lost.expect(keys.tag_of(seed.room_id), now_ms)
        seed.place = max(seed.place, place)
        gone = tuple(ConnectionId(one.decode()) for one in rejected)
        for connection_id in gone:
            self._forget(connection_id, (seed.room_id,))
        return gone

    async def restore_all(self, now_ms: int) -> tuple[RoomEvent, ...]:
        """Bring back what is known here, where Redis answers, and let go of what it wrongly has.

        Returns:
            Of whom it must be told here, and here alone, that it is in a room no longer.

        Raises:
            AppError: UNAVAILABLE. Then it is to be done again.
        """
        events: list[RoomEvent] = []
        room_ids = [one for one in self.holdings.rooms() if self._link.is_there(keys.tag_of(one))]
        for start in range(0, len(room_ids), _AT_ONCE):
            some = room_ids[start : start + _AT_ONCE]
            found = await asyncio.gather(*(self._restore_or_give_up(one, now_ms) for one in some))
            for room_id, gone in zip(some, found, strict=True):
                events += (ConnectionDetached(room_id=room_id, connection_id=one) for one in gone)
        await self.reconcile_all(now_ms)
        return tuple(events)

    async def _restore_or_give_up(self, room_id: RoomId, now_ms: int) -> tuple[ConnectionId, ...]:
        seed = self.holdings.seed(room_id)
        if seed is None:  # by now
            return ()
        try:
            return await self.restore(seed, now_ms)
        except AppError as error:
            if error.code is not Code.SERVER_FULL:
                raise
        gone = seed.connections()
        for connection_id in gone:
            self._forget(connection_id, (room_id,))
        return gone

    async def reconcile(self, tag: str, now_ms: int) -> int:
        """Note as lost what Redis has attached to this process under a tag, and this has not.

        So it is after Redis came back as it was before, or if a join ran long after it was
        given up here.

        Returns:
            How many connections that were.
        """
        cursor, count = 0, 0
        while True:
            cursor, *found = await self._link.run(scripts.HELD, tag, self._node, cursor, _AT_ONCE)
            for connection_id, room_id in answers.attached_in(found):
                if room_id not in self._known(connection_id):
                    count += 1
                    with self._lost.expecting(tag, now_ms):
                        await self._lose(tag, connection_id, now_ms, room_id)
            if not cursor:
                return count

    async def reconcile_all(self, now_ms: int) -> int:
        """The same under all tags that answer."""
        there = filter(self._link.is_there, keys.SHARD_TAGS)
        return sum([await self.reconcile(tag, now_ms) for tag in there])

    # --- for operators ---

    async def summaries(self, after: RoomId | None, limit: int) -> tuple[RoomSummary, ...]:
        start = "-" if after is None else f"({after}"
        pages = await self._link.run_many(
            scripts.SUMMARIES, [(tag, start, limit) for tag in keys.SHARD_TAGS]
        )
        first = islice(heapq.merge(*pages, key=lambda row: bytes(row[0])), limit)
        return tuple(map(answers.summary_in, first))

    async def totals(self) -> RoomTotals:
        found = await self._link.run_many(scripts.TOTALS, [(tag,) for tag in keys.SHARD_TAGS])
        return RoomTotals(*map(sum, zip(*found, strict=True)))

    # --- the ways to Redis, and what is remembered here ---

    async def _act(
        self, script: Script, room_id: RoomId, connection_id: ConnectionId, *values: Value
    ) -> Any:
        """Run a script on a room for one of its connections, if it is of this process."""
        return await self._run(script, room_id, connection_id, self._node, *values)

    async def _run(self, script: Script, room_id: RoomId, *values: Value) -> Any:
        """Run a script on a room, which is granted what it lacks.

        Raises:
            AppError: It has refused; SERVER_FULL; UNAVAILABLE.
        """
        try:
            return await self._leases.run(script, keys.tag_of(room_id), room_id, *values)
        except RefusedError as refused:
            raise self._refusal(refused) from None

    def _refusal(self, refused: RefusedError) -> AppError:
        if refused.word == "ROOM_FULL":
            return refusals.room_full(int(refused.details[0]))
        if refused.word == "TOO_MANY_ROOMS":
            return refusals.too_many_rooms(self._bounds.rooms_per_connection)
        return scripts.REFUSALS[refused.word]()

    def _known(self, connection_id: ConnectionId) -> set[RoomId]:
        """Where a connection is, for all that is known here, or about to be."""
        return self._rooms_of.get(connection_id, set()) | self._joins.rooms(connection_id)

    def _remember(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        self._rooms_of.setdefault(connection_id, set()).add(room_id)

    def _forget(self, connection_id: ConnectionId, room_ids: Iterable[RoomId]) -> None:
        known = self._rooms_of.get(connection_id, set())
        room_ids = tuple(room_ids)
        known.difference_update(room_ids)
        self.holdings.detach(connection_id, room_ids)
        if not known:
            self._rooms_of.pop(connection_id, None)
