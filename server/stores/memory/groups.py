"""Random groups in memory: `core.ports.GroupStore` for one process."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from msgspec import structs

from server.core.errors import AppError, Code
from server.core.events import (
    ConnectionDetached,
    Group,
    LeaveReason,
    Member,
    MemberRemoved,
    RoomEvent,
    RoomExpired,
)
from server.core.ids import ConnectionId, Identity, MessageId, RoomId, UserId
from server.core.kinds import Policy
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
from server.stores import group_refusals
from server.stores.memory.agenda import Agenda
from server.stores.memory.group import MemoryGroup
from server.stores.memory.history import Record, size_bytes
from server.stores.memory.places import Places
from server.stores.memory.reports import MemoryReports
from server.stores.memory.space import Share, Space
from server.stores.memory.user import MemoryUser
from server.stores.memory.users import MemoryUsers
from server.stores.sizes import member_bytes, report_bytes, shunned_bytes


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
        self._places = Places(policy.capacity, self._users)
        self._owners: dict[ConnectionId, MemoryUser] = {}
        self._lost: Agenda[UserId] = Agenda()  # members without a connection
        self._members = 0
        self._made = 0

    # --- coming in ---

    async def match(self, wish: Wish, now_ms: int) -> Matched:
        with self._user(wish.user_id, wish.forget_ms) as user:
            saved = user.key_for(wish, now_ms)
            if user.group and not wish.is_move:
                return self._stay(user, user.group, saved, wish)
            member = Member(user.user_id, wish.name, saved.public_key, now_ms)
            self._check_growth(user, saved, member)
            group = self._places.find(user, now_ms) or self._new_group(user, wish, now_ms)
            left: tuple[RoomEvent, ...] = ()
            if user.group:
                left = self._leave_for_good(
                    user, user.group, wish.connection_id, now_ms, wish.apart_until_ms
                )
            user.saved = saved
            matched = self._come_in(user, group, member, wish)
            return structs.replace(matched, events=(*left, *matched.events))

    def _stay(self, user: MemoryUser, group: MemoryGroup, saved: SavedKey, wish: Wish) -> Matched:
        """Join again where one is, perhaps with another key."""
        member = group.members[user.user_id]
        changed = structs.replace(member, public_key=saved.public_key)
        is_same = changed == member
        if not is_same:
            self._check_growth(user, saved, changed)
        if not user.connections:
            self._lost.put(user.user_id, wish.connect_by_ms)
        if is_same:
            return Matched(group.view(), False, ())
        user.saved = saved
        with self._books(group):
            told = group.change_key(changed, wish.connection_id)
        return Matched(group.view(), False, (told,))

    def _check_growth(self, user: MemoryUser, saved: SavedKey, member: Member) -> None:
        """See whether there is space for a user's key, and for it as a member."""
        known = user.group.members[user.user_id] if user.group else None
        member_growth_bytes = member_bytes(member) - (member_bytes(known) if known else 0)
        self._share.space.check(user.growth_bytes(saved) + member_growth_bytes)

    def _new_group(self, user: MemoryUser, wish: Wish, now_ms: int) -> MemoryGroup:
        ending = 1 if user.group and len(user.group.members) == 1 else 0
        if len(self._groups) - ending >= self._bounds.groups:
            raise group_refusals.groups_full()
        return MemoryGroup(wish.new_group, self._policy, now_ms)

    def _come_in(self, user: MemoryUser, group: MemoryGroup, member: Member, wish: Wish) -> Matched:
        if group.room_id not in self._groups:
            self._groups[group.room_id] = self._by_activity[group.room_id] = group
            self._made += 1
        with self._books(group):
            told = group.add(member, wish.connection_id)
        user.group = group
        self._touch(group, member.joined_ms)
        if not user.connections:
            self._lost.put(user.user_id, wish.connect_by_ms)
        view = group.view()
        attached = tuple(
            user.attached(one, view) if one == wish.connection_id else user.entered(one, view)
            for one in user.connections
        )
        # They have it whole, and are not told what led to it.
        return Matched(view, True, (*told, *attached))

    async def connect(
        self, user_id: UserId, connection_id: ConnectionId, forget_ms: int
    ) -> tuple[RoomEvent, ...]:
        with self._user(user_id, forget_ms) as user:
            user.connections[connection_id] = None
            self._owners[connection_id] = user
            self._lost.drop(user_id)
            return (user.entered(connection_id, user.group.view()),) if user.group else ()

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
        event = group.message(post, now_ms)
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
            raise group_refusals.recipient_not_found()

    async def history(
        self, room_id: RoomId, user_id: UserId, before: MessageId | None, limit: int
    ) -> HistoryPage:
        history = self._group_of(room_id, user_id).history
        reader = Identity(user_id)
        record = history.record(before) if before is not None else None
        if before is not None and not (record and record.may_be_read_by(reader)):
            raise group_refusals.message_not_found()
        before_seq = record.event.seq if record else None
        return HistoryPage(*history.page(before_seq, limit, reader))

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
            self._users.settle(user)

    async def report(
        self, report: Report, address_mark: bytes, now_ms: int, expires_ms: int
    ) -> Reported:
        group = self._group_of(report.room_id, report.reporter)
        if report.user_id == report.reporter:
            raise group_refusals.reporting_oneself()
        is_member = report.user_id in group.members
        sender, reader = Identity(report.user_id), Identity(report.reporter)
        if not is_member and not group.history.has_word_of(sender, reader):
            raise group_refusals.nobody_to_report()
        if known := group.last_seen(report.user_id):
            report = structs.replace(report, name=known.name, public_key=known.public_key)
        self._share.space.check(report_bytes(report) + shunned_bytes(report.user_id))
        self._block_reported(self._users.known(report.reporter), report.user_id)
        self._reports.add(report, address_mark, expires_ms)
        if not is_member:
            return Reported(False, ())
        group.marks.setdefault(report.user_id, {})[report.reporter] = address_mark
        enough = min(ENOUGH_REPORTS, len(group.members) - 1)
        if group.reporters(report.user_id, now_ms - PRESENT_MS) < enough:
            return Reported(False, ())
        return Reported(True, self._remove(group, report.user_id, now_ms))

    def _block_reported(self, reporter: MemoryUser, user_id: UserId) -> None:
        # Whoever has no more room on its list may report all the same.
        if self._users.can_block(reporter):
            self._users.block(reporter, user_id)
            self._users.settle(reporter)

    def _remove(self, group: MemoryGroup, user_id: UserId, now_ms: int) -> tuple[RoomEvent, ...]:
        user = self._users.known(user_id)
        with self._books(group):
            group.remove(user_id)
        events = self._go(user, group, LeaveReason.REMOVED, now_ms)
        self._users.settle(user)
        return events

    async def reports(self, after: str | None, limit: int) -> tuple[Report, ...]:
        return self._reports.read(after, limit)

    async def key_of(self, user_id: UserId, asker: UserId, *, in_group: bool) -> SavedKey | None:
        user = self._users.get(user_id)
        if user is None or asker in user.blocked:
            return None
        group = user.group
        is_met = group and asker in group.members
        return user.saved if is_met or not in_group else None

    # --- going out ---

    async def lose(self, connection_id: ConnectionId, now_ms: int, leave_at_ms: int) -> bool:
        if user := self._owners.pop(connection_id, None):
            del user.connections[connection_id]
            if not user.connections and user.group:
                self._lost.put(user.user_id, leave_at_ms)
            self._users.settle(user)
        return True

    async def leave(
        self,
        room_id: RoomId,
        user_id: UserId,
        connection_id: ConnectionId | None,
        now_ms: int,
        apart_until_ms: int,
    ) -> tuple[RoomEvent, ...]:
        group = self._group_of(room_id, user_id)
        user = self._users.known(user_id)
        events = self._leave_for_good(user, group, connection_id, now_ms, apart_until_ms)
        self._users.settle(user)
        return events

    def _leave_for_good(
        self,
        user: MemoryUser,
        group: MemoryGroup,
        connection_id: ConnectionId | None,
        now_ms: int,
        apart_until_ms: int,
    ) -> tuple[RoomEvent, ...]:
        """Leave, not to be back for a while; the caller settles the user."""
        with self._books(group):
            group.bar(user.user_id, apart_until_ms, now_ms)
        for other_id in group.members:
            if other_id != user.user_id:
                self._users.part(user, self._users.known(other_id), apart_until_ms)
        return self._go(user, group, LeaveReason.LEFT, now_ms, connection_id)

    def _go(
        self,
        user: MemoryUser,
        group: MemoryGroup,
        reason: LeaveReason,
        now_ms: int,
        skip: ConnectionId | None = None,
    ) -> tuple[RoomEvent, ...]:
        """Take a user out of its group; the caller settles the user."""
        with self._books(group):
            left, changed = group.drop(user.user_id, reason, now_ms, skip)
        user.group = None
        self._lost.drop(user.user_id)
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
        while (user_id := self._lost.take(now_ms)) is not None:
            user = self._users.known(user_id)
            assert user.group, "only members are waited for"
            events.extend(self._go(user, user.group, LeaveReason.LOST, now_ms))
            self._users.settle(user)
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
        groups = islice(self._groups.values(), start, start + limit)
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
            self._users.settle(user)

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
        for user in [self._users.known(user_id) for user_id in group.members]:
            user.group = None
            self._lost.drop(user.user_id)
            self._users.settle(user)
        group.members.clear()
        self._places.update(group, members)
        self._members -= members
        self._share.add(-group.held_bytes)
        del self._groups[group.room_id]
        del self._by_activity[group.room_id]

    def _touch(self, group: MemoryGroup, now_ms: int) -> None:
        group.active_ms = now_ms
        self._by_activity.move_to_end(group.room_id)

    def _group_of(self, room_id: RoomId, user_id: UserId) -> MemoryGroup:
        group = self._groups.get(room_id)
        if group is None or user_id not in group.members:
            raise group_refusals.not_in_group()
        return group


def _repeat(known: Record, sender: Identity, post: Post) -> Appended:
    if known.sender != sender:
        raise AppError(Code.ID_CONFLICT, "another sender has used that message id; make a new one")
    event = known.event
    if known.is_trimmed:
        event = structs.replace(event, ciphertext=post.ciphertext)
    return Appended(event, is_repeat=True)
