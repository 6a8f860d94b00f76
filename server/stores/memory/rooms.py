"""Live rooms in memory: `core.ports.RoomStore` for one process."""

import heapq
import hmac
import itertools
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    LeaveReason,
    Member,
    MemberRemoved,
    MessageSent,
    RoomEvent,
    RoomExpired,
    RoomLocked,
)
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
from server.stores.memory.history import Record, size_bytes
from server.stores.memory.room import Person, Room
from server.stores.memory.space import Share, Space


class MemoryRooms:
    """A `RoomStore` for one process: each method runs to its end before another begins."""

    def __init__(self, bounds: Bounds, space: Space | None = None) -> None:
        self._bounds = bounds
        self._share = Share(space or Space(bounds.total_bytes))
        self._rooms: dict[RoomId, Room] = {}
        self._rooms_of: dict[ConnectionId, set[RoomId]] = {}
        # Rooms by age of their last activity, one order for each idle limit.
        self._by_activity: defaultdict[int, OrderedDict[RoomId, Room]] = defaultdict(OrderedDict)
        # Who is lost, by the end of the grace; the counter keeps equal times in order.
        self._lost: list[tuple[int, int, Room, Person]] = []
        self._lost_count = itertools.count()
        self._members = 0

    # --- coming in ---

    async def reserve(
        self, room_id: RoomId, key_hash: bytes | None, policy: Policy, now_ms: int
    ) -> Reservation:
        room = self._rooms.get(room_id)
        if room is not None and not _keys_equal(room.key_hash, key_hash):
            raise refusals.room_exists()
        created = room is None
        if room is None:
            room = Room(room_id, key_hash, policy, now_ms)
            self._add(room)
        return Reservation(created, room.active_ms + room.policy.idle_limit_ms)

    async def join(self, entry: Entry, policy: Policy, now_ms: int) -> Joined:
        known = self._rooms.get(entry.room_id)
        self._check_entry(known, entry)
        room = known or Room(entry.room_id, entry.key_hash, policy, now_ms)
        self._share.space.check(room.growth_bytes(entry))
        if known is None:
            self._add(room)
        seen_most = room.seq
        with self._books(room):
            person, is_new, token_is_good, events = room.admit(entry, now_ms)
        self._rooms_of.setdefault(entry.connection_id, set()).add(entry.room_id)
        self._touch(room, now_ms)
        # Who has seen more than there is, or holds a token that was never given here, has
        # seen a room of the same id that ended.
        is_another_room = entry.since_seq > seen_most or (
            entry.since_seq > 0
            and entry.token_hash is not None
            and not room.knows(entry.token_hash)
        )
        since_seq = 0 if is_another_room else entry.since_seq
        attached = ConnectionAttached(
            room_id=entry.room_id,
            user_id=person.member.user_id,
            connection_id=entry.connection_id,
        )
        proved = room.has_proved(entry.connection_id)
        reader = person.identity if proved else None
        return Joined(
            is_new=is_new,
            has_proved=proved,
            token_is_good=token_is_good,
            is_creator=room.is_creator(entry.connection_id),
            room_created=known is None,
            locked=room.locked,
            members=room.members(),
            messages=() if entry.is_return else room.history.read(since_seq, reader),
            seq=room.seq,
            truncated=is_another_room or since_seq < room.history.trimmed_seq,
            events=(attached, *events),
        )

    def _check_entry(self, room: Room | None, entry: Entry) -> None:
        if room is None and not entry.as_creator:
            raise refusals.room_not_found()
        if room and room.key_hash and not _keys_equal(room.key_hash, entry.key_hash):
            raise refusals.invalid_key()
        rooms = self._rooms_of.get(entry.connection_id, ())
        if entry.room_id not in rooms and len(rooms) >= self._bounds.rooms_per_connection:
            raise refusals.too_many_rooms(self._bounds.rooms_per_connection)

    # --- inside ---

    async def members(self, room_id: RoomId, connection_id: ConnectionId) -> tuple[Member, ...]:
        return self._room_of(room_id, connection_id).members()

    async def save_key(
        self,
        room_id: RoomId,
        connection_id: ConnectionId,
        public_key: Opaque,
        name: str | None,
    ) -> tuple[Member, ...]:
        room = self._room_of(room_id, connection_id)
        person = room.person_of(connection_id)
        if not room.has_proved(connection_id):
            if public_key != person.member.public_key:
                raise refusals.not_proved()
            return room.members()
        self._share.space.check(room.change_bytes(person, public_key, name))
        with self._books(room):
            room.change(person, public_key, name)
        return room.members()

    async def append(self, draft: Draft, now_ms: int) -> Appended:
        room = self._room_of(draft.room_id, draft.connection_id)
        sender = room.connections[draft.connection_id]
        known = room.history.record(draft.message_id)
        if known is not None:
            return _repeat(known, sender, draft, room.has_proved(draft.connection_id))
        recipient = _find_recipient(room, draft.addressed_as, draft.is_broadcast)
        event = MessageSent(
            room_id=room.room_id,
            skip=draft.connection_id,
            seq=room.seq + 1,
            message_id=draft.message_id,
            sender=sender.member.user_id,
            recipient=recipient.member.user_id if recipient else None,
            addressed_as=draft.addressed_as,
            ciphertext=draft.ciphertext,
            content_type=draft.content_type,
            sent_ms=now_ms,
            identities=frozenset((sender.identity, recipient.identity)) if recipient else None,
        )
        weight_bytes = size_bytes(event)
        leavers, freed_bytes = room.history.leavers(weight_bytes)
        self._share.space.check(weight_bytes - freed_bytes)
        room.next_seq()
        room.history.append(Record(event, sender.identity, weight_bytes), leavers)
        self._share.add(weight_bytes - freed_bytes)
        self._touch(room, now_ms)
        return Appended(event, is_repeat=False)

    async def recipient(
        self,
        room_id: RoomId,
        connection_id: ConnectionId,
        addressed_as: Recipient | None,
        is_broadcast: bool,
    ) -> UserId | None:
        room = self._room_of(room_id, connection_id)
        person = _find_recipient(room, addressed_as, is_broadcast)
        return person.member.user_id if person else None

    async def touch(self, room_id: RoomId, connection_id: ConnectionId, now_ms: int) -> None:
        self._touch(self._room_of(room_id, connection_id), now_ms)

    async def lock(self, room_id: RoomId, connection_id: ConnectionId, locked: bool) -> None:
        room = self._room_of(room_id, connection_id)
        _check_creator(room, connection_id)
        room.locked = locked

    async def remove(
        self, room_id: RoomId, connection_id: ConnectionId, user_id: UserId, now_ms: int
    ) -> tuple[RoomEvent, ...]:
        room = self._room_of(room_id, connection_id)
        _check_creator(room, connection_id)
        person = _person(room, user_id)
        if person is room.person_of(connection_id):
            raise refusals.removing_oneself()
        room.locked = True
        room.void_tokens(person.identity)
        for connection in person.connections:
            self._forget(connection, room_id)
        with self._books(room):
            left = room.leave(person, LeaveReason.REMOVED, now_ms)
        return (
            MemberRemoved(room_id=room_id, user_id=person.member.user_id),
            *left,
            RoomLocked(room_id=room_id, locked=True, locked_ms=now_ms),
        )

    # --- going out ---

    async def leave(
        self, room_id: RoomId, connection_id: ConnectionId, now_ms: int
    ) -> tuple[RoomEvent, ...]:
        room = self._room_of(room_id, connection_id)
        detached = ConnectionDetached(room_id=room_id, connection_id=connection_id)
        person = room.detach(connection_id, now_ms)
        self._forget(connection_id, room_id)
        if person.is_live:
            return (detached,)
        with self._books(room):
            return (detached, *room.leave(person, LeaveReason.LEFT, now_ms))

    async def lose(self, connection_id: ConnectionId, now_ms: int) -> None:
        for room_id in self._rooms_of.pop(connection_id, ()):
            room = self._rooms[room_id]
            person = room.detach(connection_id, now_ms)
            if not person.is_live:
                due_ms = now_ms + room.policy.grace_ms
                heapq.heappush(self._lost, (due_ms, next(self._lost_count), room, person))

    async def rooms_of(self, connection_id: ConnectionId) -> tuple[RoomId, ...]:
        return tuple(self._rooms_of.get(connection_id, ()))

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        events: list[RoomEvent] = []
        while self._lost and self._lost[0][0] <= now_ms:
            _, _, room, person = heapq.heappop(self._lost)
            if _is_gone(room, person, now_ms) and self._rooms.get(room.room_id) is room:
                with self._books(room):
                    events.extend(room.leave(person, LeaveReason.LOST, now_ms))
        return tuple(events)

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        events = []
        for idle_limit_ms, rooms in self._by_activity.items():
            while (
                rooms and (room := next(iter(rooms.values()))).active_ms + idle_limit_ms <= now_ms
            ):
                self._delete(room)
                events.append(RoomExpired(room_id=room.room_id, idle_limit_ms=idle_limit_ms))
        return tuple(events)

    # --- for operators ---

    async def summaries(self, after: RoomId | None, limit: int) -> tuple[RoomSummary, ...]:
        ids = sorted(self._rooms)
        start = bisect_right(ids, after) if after is not None else 0
        return tuple(_summary(self._rooms[room_id]) for room_id in ids[start : start + limit])

    async def totals(self) -> RoomTotals:
        return RoomTotals(len(self._rooms), self._members, self._share.held_bytes)

    # --- the books ---

    @contextmanager
    def _books(self, room: Room) -> Iterator[None]:
        """Keep the totals true over a change of one room."""
        members, held_bytes = len(room.people), room.held_bytes
        yield
        self._members += len(room.people) - members
        self._share.add(room.held_bytes - held_bytes)

    def _add(self, room: Room) -> None:
        if len(self._rooms) >= self._bounds.rooms:
            raise refusals.rooms_full()
        self._rooms[room.room_id] = room
        self._by_activity[room.policy.idle_limit_ms][room.room_id] = room

    def _delete(self, room: Room) -> None:
        del self._rooms[room.room_id]
        del self._by_activity[room.policy.idle_limit_ms][room.room_id]
        self._members -= len(room.people)
        self._share.add(-room.held_bytes)
        for connection_id in room.connections:
            self._forget(connection_id, room.room_id)

    def _room_of(self, room_id: RoomId, connection_id: ConnectionId) -> Room:
        room = self._rooms.get(room_id)
        if room is None or connection_id not in room.connections:
            raise refusals.not_a_member()
        return room

    def _touch(self, room: Room, now_ms: int) -> None:
        room.active_ms = now_ms
        self._by_activity[room.policy.idle_limit_ms].move_to_end(room.room_id)

    def _forget(self, connection_id: ConnectionId, room_id: RoomId) -> None:
        rooms = self._rooms_of[connection_id]
        rooms.discard(room_id)
        if not rooms:
            del self._rooms_of[connection_id]


def _keys_equal(expected: bytes | None, given: bytes | None) -> bool:
    return hmac.compare_digest(expected or b"", given or b"")


def _check_creator(room: Room, connection_id: ConnectionId) -> None:
    if not room.is_creator(connection_id):
        raise refusals.not_the_creator()


def _person(room: Room, user_id: UserId) -> Person:
    person = room.people.get(user_id)
    if person is None:
        raise refusals.recipient_not_found()
    return person


def _find_recipient(
    room: Room, addressed_as: Recipient | None, is_broadcast: bool
) -> Person | None:
    if addressed_as is None:
        return None
    if is_broadcast and addressed_as not in room.people:
        return None
    return _person(room, UserId(addressed_as))


def _repeat(known: Record, sender: Person, draft: Draft, has_proved: bool) -> Appended:
    if known.sender != sender.identity:
        raise refusals.id_conflict()
    event = known.event
    if known.is_trimmed or not has_proved:
        event = structs.replace(event, ciphertext=draft.ciphertext)
    if event.identities and not has_proved:
        # Who joined by a public key alone may send, but learns nothing of what is private.
        event = structs.replace(
            event, recipient=None, addressed_as=draft.addressed_as, content_type=draft.content_type
        )
    return Appended(event, is_repeat=True)


def _is_gone(room: Room, person: Person, now_ms: int) -> bool:
    return (
        room.people.get(person.member.user_id) is person
        and person.lost_ms is not None
        and person.lost_ms + room.policy.grace_ms <= now_ms
    )


def _summary(room: Room) -> RoomSummary:
    return RoomSummary(
        room_id=room.room_id,
        members=len(room.people),
        messages=len(room.history),
        held_bytes=room.held_bytes,
        created_ms=room.created_ms,
        active_ms=room.active_ms,
        locked=room.locked,
        has_key=room.key_hash is not None,
    )
