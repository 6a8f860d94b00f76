"""Random groups in memory: `core.ports.GroupStore` for one process."""

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    Group,
    GroupEntered,
    LeaveReason,
    Member,
    MemberRemoved,
    MessageSent,
    RoomEvent,
    RoomExpired,
)
from server.core.ids import ConnectionId, Identity, MessageId, RoomId, UserId
from server.core.kinds import Kind, Policy
from server.core.limits import Bounds
from server.core.matching import ENOUGH_REPORTS, PRESENT_MS
from server.core.ports import (
    Appended,
    GroupPage,
    GroupTotals,
    HistoryPage,
    Matched,
    Post,
    Report,
    Reported,
    SavedKey,
    Wish,
)
from server.stores.memory.group import MemoryGroup
from server.stores.memory.history import Record, size_bytes
from server.stores.memory.places import Places
from server.stores.memory.reports import MemoryReports
from server.stores.memory.space import Share, Space
from server.stores.memory.users import MemoryUser, MemoryUsers


class MemoryGroups:
    """A `GroupStore` for one process: each method runs to its end before another begins."""

    def __init__(self, policy: Policy, bounds: Bounds, space: Space | None = None) -> None:
        self._policy = policy
        self._bounds = bounds
        self._share = Share(space or Space(bounds.total_bytes))
        self._users = MemoryUsers(bounds, self._share)
        self._reports = MemoryReports(bounds, self._share)
        self._groups: dict[RoomId, MemoryGroup] = {}  # in order of age
        self._by_activity: OrderedDict[RoomId, MemoryGroup] = OrderedDict()
        self._places = Places(policy.capacity)
        self._owners: dict[ConnectionId, MemoryUser] = {}
        # Who is without a connection, by the time to leave; the counter keeps equal ones in order.
        self._lost: list[tuple[int, int, MemoryUser]] = []
        self._count = itertools.count()
        self._members = 0
        self._made = 0

    # --- coming in ---

    async def match(self, wish: Wish, now_ms: int) -> Matched:
        with self._user(wish.user_id, wish.forget_ms) as user:
            saved = _saved_key(user, wish, now_ms)
            if user.group and not wish.is_move:
                return self._stay(user, user.group, saved, wish)
            self._check_key(user, saved)
            user.forget_past(now_ms)
            group = self._find_place(user, now_ms) or self._new_group(wish, now_ms)
            left: tuple[RoomEvent, ...] = ()
            if user.group:
                left = self._leave_for_good(
                    user, user.group, wish.connection_id, now_ms, wish.apart_until_ms
                )
            self._users.save_key(user, saved)
            matched = self._come_in(user, group, wish, now_ms)
            return structs.replace(matched, events=(*left, *matched.events))

    def _stay(self, user: MemoryUser, group: MemoryGroup, saved: SavedKey, wish: Wish) -> Matched:
        """Join again where one is, perhaps with another key."""
        if not user.connections:
            self._wait_for(user, wish.connect_by_ms)
        if saved.public_key == group.members[user.user_id].public_key:
            return Matched(group.view(), False, ())
        self._check_key(user, saved)
        self._users.save_key(user, saved)
        with self._books(group):
            changed = group.change_key(user.user_id, saved.public_key, wish.connection_id)
        return Matched(group.view(), False, (changed,))

    def _check_key(self, user: MemoryUser, saved: SavedKey) -> None:
        """See whether there is room for a key: the user holds it, and the member of a group."""
        known_bytes = user.saved.public_key.size_bytes if user.saved else 0
        self._share.space.check(2 * saved.public_key.size_bytes - known_bytes)

    def _find_place(self, user: MemoryUser, now_ms: int) -> MemoryGroup | None:
        """The fullest group that may take the user."""
        # Each group that is passed over holds somebody whom the user shuns, or who shuns it:
        # there are as many as there are such people, at most.
        places = (group for group in self._places if group is not user.group)
        return next((group for group in places if self._may_meet(user, group, now_ms)), None)

    def _may_meet(self, user: MemoryUser, group: MemoryGroup, now_ms: int) -> bool:
        if group.room_id in user.left:
            return False
        for other_id in group.members:
            other = self._users.get(other_id)
            if user.shuns(other_id, now_ms) or (other and other.shuns(user.user_id, now_ms)):
                return False
        return True

    def _new_group(self, wish: Wish, now_ms: int) -> MemoryGroup:
        if len(self._groups) >= self._bounds.groups:
            raise AppError(Code.SERVER_FULL, "the relay has as many groups as it may; try later")
        return MemoryGroup(wish.new_group, self._policy, now_ms)

    def _come_in(self, user: MemoryUser, group: MemoryGroup, wish: Wish, now_ms: int) -> Matched:
        if group.room_id not in self._groups:
            self._groups[group.room_id] = self._by_activity[group.room_id] = group
            self._made += 1
        assert user.saved
        member = Member(user.user_id, wish.name, user.saved.public_key, now_ms)
        with self._books(group):
            told = group.add(member, wish.connection_id)
        user.group = group
        self._touch(group, now_ms)
        if not user.connections:
            self._wait_for(user, wish.connect_by_ms)
        view = group.view()
        attached = tuple(
            _attached(user, one) if one == wish.connection_id else _entered(user, one, view)
            for one in user.connections
        )
        return Matched(view, True, (*attached, *told))

    async def connect(
        self, user_id: UserId, connection_id: ConnectionId, forget_ms: int
    ) -> tuple[RoomEvent, ...]:
        with self._user(user_id, forget_ms) as user:
            user.connections[connection_id] = None
            user.leave_ms = None
            self._owners[connection_id] = user
            return (_entered(user, connection_id, user.group.view()),) if user.group else ()

    # --- inside ---

    async def current(self, user_id: UserId) -> Group | None:
        user = self._users.get(user_id)
        return user.group.view() if user and user.group else None

    async def append(self, post: Post, now_ms: int) -> Appended:
        group = self._group_of(post.room_id, post.sender)
        sender = Identity(post.sender)
        known = group.history.record(post.message_id)
        if known is not None:
            return _repeat(known, sender, post)
        if post.recipient is not None:
            self._check_recipient(group, post.recipient, post.sender)
        event = MessageSent(
            room_id=group.room_id,
            seq=group.seq + 1,
            message_id=post.message_id,
            sender=post.sender,
            recipient=post.recipient,
            addressed_as=post.recipient,
            ciphertext=post.ciphertext,
            content_type=post.content_type,
            sent_ms=now_ms,
            identities=frozenset((sender, Identity(post.recipient))) if post.recipient else None,
            sender_name=group.members[post.sender].name,
        )
        weight_bytes = size_bytes(event)
        leavers, freed_bytes = group.history.leavers(weight_bytes)
        self._share.space.check(weight_bytes - freed_bytes)
        group.next_seq()
        group.history.append(Record(event, sender, weight_bytes), leavers)
        self._share.add(weight_bytes - freed_bytes)
        self._touch(group, now_ms)
        return Appended(event, is_repeat=False)

    def _check_recipient(self, group: MemoryGroup, user_id: UserId, sender: UserId) -> None:
        recipient = self._users.get(user_id)
        if user_id not in group.members or (recipient and sender in recipient.blocked):
            raise AppError(Code.RECIPIENT_NOT_FOUND, "no member of that id takes messages from you")

    async def history(
        self, room_id: RoomId, user_id: UserId, before: MessageId | None, limit: int
    ) -> HistoryPage:
        history = self._group_of(room_id, user_id).history
        record = history.record(before) if before is not None else None
        if before is not None and record is None:
            raise AppError(Code.NOT_FOUND, "no message of that id is remembered")
        before_seq = record.event.seq if record else None
        return HistoryPage(*history.page(before_seq, limit, Identity(user_id)))

    async def touch(self, room_id: RoomId, user_id: UserId, now_ms: int) -> str:
        group = self._group_of(room_id, user_id)
        self._touch(group, now_ms)
        return group.members[user_id].name

    # --- against abuse ---

    async def block(self, user_id: UserId, blocked: UserId, forget_ms: int) -> None:
        with self._user(user_id, forget_ms) as user:
            self._users.block(user, blocked)

    async def unblock(self, user_id: UserId, blocked: UserId) -> None:
        if user := self._users.get(user_id):
            self._users.unblock(user, blocked)
            self._users.rest(user)

    async def report(
        self, report: Report, address_mark: bytes, now_ms: int, expires_ms: int
    ) -> Reported:
        group = self._group_of(report.room_id, report.reporter)
        if report.user_id == report.reporter:
            raise AppError(Code.FORBIDDEN, "you cannot report yourself")
        if report.user_id not in group.members:
            raise AppError(Code.RECIPIENT_NOT_FOUND, "no member has that user id")
        self._reports.check(report)
        reporter, reported = self._known(report.reporter), self._known(report.user_id)
        self._users.block(reporter, reported.user_id)
        self._reports.add(report, expires_ms)
        group.marks.setdefault(reported.user_id, {})[reporter.user_id] = address_mark
        enough = min(ENOUGH_REPORTS, len(group.members) - 1)
        if group.reporters(reported.user_id, now_ms - PRESENT_MS) < enough:
            return Reported(False, ())
        reported.left[group.room_id] = reported.forget_ms
        return Reported(True, self._go(reported, group, LeaveReason.REMOVED, now_ms))

    async def reports(self, after: str | None, limit: int) -> tuple[Report, ...]:
        return self._reports.read(after, limit)

    async def key_of(self, user_id: UserId) -> SavedKey | None:
        user = self._users.get(user_id)
        return user.saved if user else None

    # --- going out ---

    async def lose(self, connection_id: ConnectionId, now_ms: int, leave_at_ms: int) -> None:
        user = self._owners.pop(connection_id, None)
        if user is None:
            return
        del user.connections[connection_id]
        if not user.connections and user.group:
            self._wait_for(user, leave_at_ms)
        self._users.rest(user)

    async def leave(
        self,
        room_id: RoomId,
        user_id: UserId,
        connection_id: ConnectionId | None,
        now_ms: int,
        apart_until_ms: int,
    ) -> tuple[RoomEvent, ...]:
        group = self._group_of(room_id, user_id)
        user = self._known(user_id)
        return self._leave_for_good(user, group, connection_id, now_ms, apart_until_ms)

    def _leave_for_good(
        self,
        user: MemoryUser,
        group: MemoryGroup,
        connection_id: ConnectionId | None,
        now_ms: int,
        apart_until_ms: int,
    ) -> tuple[RoomEvent, ...]:
        """Leave, not to be back for a while."""
        user.left[group.room_id] = apart_until_ms
        for other_id in group.members:
            if other_id != user.user_id:
                user.apart_until_ms[other_id] = apart_until_ms
        return self._go(user, group, LeaveReason.LEFT, now_ms, connection_id)

    def _go(
        self,
        user: MemoryUser,
        group: MemoryGroup,
        reason: LeaveReason,
        now_ms: int,
        skip: ConnectionId | None = None,
    ) -> tuple[RoomEvent, ...]:
        with self._books(group):
            left, changed = group.drop(user.user_id, reason, now_ms, skip)
        self._free(user)
        if not group.members:
            self._delete(group)
        removed = MemberRemoved(room_id=group.room_id, user_id=user.user_id)
        detached = tuple(
            ConnectionDetached(room_id=group.room_id, connection_id=one) for one in user.connections
        )
        if reason is LeaveReason.REMOVED:
            return (removed, left, changed)
        return (left, *detached, changed)

    async def expire_lost(self, now_ms: int) -> tuple[RoomEvent, ...]:
        events: list[RoomEvent] = []
        while self._lost and self._lost[0][0] <= now_ms:
            due_ms, _, user = heapq.heappop(self._lost)
            if user.group and user.leave_ms == due_ms:
                events.extend(self._go(user, user.group, LeaveReason.LOST, now_ms))
        return tuple(events)

    async def expire_idle(self, now_ms: int) -> tuple[RoomEvent, ...]:
        limit_ms = self._policy.idle_limit_ms
        events = []
        while self._by_activity:
            group = next(iter(self._by_activity.values()))
            if group.active_ms + limit_ms > now_ms:
                break
            self._delete(group)
            events.append(RoomExpired(room_id=group.room_id, idle_limit_ms=limit_ms))
        self._users.expire(now_ms)
        self._reports.expire(now_ms)
        return tuple(events)

    # --- for operators ---

    async def page(self, start: int, limit: int) -> GroupPage:
        groups = itertools.islice(self._groups.values(), start, start + limit)
        return GroupPage(tuple(group.summary() for group in groups), len(self._groups))

    async def totals(self) -> GroupTotals:
        return GroupTotals(
            made=self._made,
            groups=len(self._groups),
            members=self._members,
            users=len(self._users),
            held_bytes=self._share.held_bytes,
        )

    # --- the books ---

    @contextmanager
    def _user(self, user_id: UserId, forget_ms: int) -> Iterator[MemoryUser]:
        """The record of a user who is here; one without a group or connection is forgotten."""
        user = self._users.seen(user_id, forget_ms)
        try:
            yield user
        finally:
            self._users.rest(user)

    @contextmanager
    def _books(self, group: MemoryGroup) -> Iterator[None]:
        """Keep totals and places true over a change of one group."""
        members, held_bytes = len(group.members), group.held_bytes
        yield
        self._members += len(group.members) - members
        self._share.add(group.held_bytes - held_bytes)
        self._places.update(group, members)

    def _delete(self, group: MemoryGroup) -> None:
        members = len(group.members)
        for user_id in group.members:
            self._free(self._known(user_id))
        group.members.clear()
        self._places.update(group, members)
        self._members -= members
        self._share.add(-group.held_bytes)
        del self._groups[group.room_id]
        del self._by_activity[group.room_id]

    def _free(self, user: MemoryUser) -> None:
        user.group = None
        user.leave_ms = None
        self._users.rest(user)

    def _wait_for(self, user: MemoryUser, leave_ms: int) -> None:
        """Have a user leave at that time unless a connection comes."""
        user.leave_ms = leave_ms
        heapq.heappush(self._lost, (leave_ms, next(self._count), user))

    def _touch(self, group: MemoryGroup, now_ms: int) -> None:
        group.active_ms = now_ms
        self._by_activity.move_to_end(group.room_id)

    def _known(self, user_id: UserId) -> MemoryUser:
        user = self._users.get(user_id)
        assert user, "members are never forgotten"
        return user

    def _group_of(self, room_id: RoomId, user_id: UserId) -> MemoryGroup:
        group = self._groups.get(room_id)
        if group is None or user_id not in group.members:
            raise AppError(Code.NOT_FOUND, "you are in no group of that id")
        return group


def _saved_key(user: MemoryUser, wish: Wish, now_ms: int) -> SavedKey:
    known = user.saved
    if wish.public_key is not None:
        return SavedKey(wish.user_id, wish.name, wish.public_key, now_ms)
    if known is None:
        raise AppError(Code.INVALID_REQUEST, "publicKey is missing, and there was none before")
    return structs.replace(known, name=wish.name)


def _attached(user: MemoryUser, connection_id: ConnectionId) -> ConnectionAttached:
    assert user.group
    return ConnectionAttached(
        room_id=user.group.room_id,
        user_id=user.user_id,
        connection_id=connection_id,
        kind=Kind.RANDOM,
    )


def _entered(user: MemoryUser, connection_id: ConnectionId, view: Group) -> GroupEntered:
    return GroupEntered(
        room_id=view.room_id,
        user_id=user.user_id,
        connection_id=connection_id,
        kind=Kind.RANDOM,
        group=view,
    )


def _repeat(known: Record, sender: Identity, post: Post) -> Appended:
    if known.sender != sender:
        raise AppError(Code.ID_CONFLICT, "another sender has used that message id; make a new one")
    event = known.event
    if known.is_trimmed:
        event = structs.replace(event, ciphertext=post.ciphertext)
    return Appended(event, is_repeat=True)
