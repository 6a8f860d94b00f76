"""Steps that put events into queues, many in one transaction.

Groups are locked first, then the queues; so what is read after that is as it will be when the
events are stored. Queues that are still to be made come before either, in a transaction for the
events of one key.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import UserId, new_id
from server.core.limits import Bounds
from server.core.ports.queues import NewEvent, Queued
from server.core.queued import LostAs
from server.stores.sql.queues.bodies import EVENT_BYTES, KEPT_MS, insert_events, size_of
from server.stores.sql.queues.knowing import Groups, Known, Way, lock_groups, read_known, taking
from server.stores.sql.queues.making import make_first, without_queues
from server.stores.sql.queues.partaking import take_part
from server.stores.sql.queues.places import (
    Placed,
    Queue,
    Queues,
    lock_queues,
    write_queues,
)
from server.stores.sql.steps import Row, Steps
from server.stores.sql.usage import take_up


class Draft(Struct, frozen=True):
    """An event that is to be put into queues, and with what others it is kept in order."""

    new: NewEvent
    now_ms: int

    @property
    def key(self) -> str:
        return self.new.group_id or min(self.new.recipients)

    @property
    def size_bytes(self) -> int:
        return size_of(_payload(self.new), self.new.metadata)


Outcome = Queued | AppError | None


def append_all(drafts: Sequence[Draft], bounds: Bounds, *, waits: bool) -> Steps[list[Outcome]]:
    """Put events into queues; what is refused harms no other.

    Args:
        waits: For groups and queues that other transactions have locked, and for accounts, to make
            the queues of those who have none. Else what is for these is left.

    Returns:
        What came of each; None of what was left, which may be all: somebody has just come.
    """
    news = [one.new for one in drafts]
    if waits:
        yield from make_first(news, drafts[0].now_ms)
    groups = yield from lock_groups(news, waits=waits)
    yield from take_part(news, groups)
    ways = {
        Way(str(one.sender), str(one.event_id), str(user))
        for one in news
        for user in _meant(one, groups)
    }
    users = sorted({one.user for one in ways})
    expected = yield from taking(users)
    queues = yield from lock_queues(users, waits=waits)
    without = yield from without_queues(set(users) - {user for user, _ in expected})
    missing = without.union(user for user, _ in expected - queues.keys())
    known = yield from read_known(news, ways, queues, bounds)
    office = _Office(groups, queues, known, missing, bounds, waits)
    outcomes = [office.take(one) for one in drafts]
    yield from insert_events(office.events)
    yield from write_queues(queues.values())
    yield from take_up(known.taken)
    return outcomes


class _Office:
    """Takes events, one after the other, and puts them into queues that are locked.

    Args:
        missing: Whose queues others have locked, or are still to be made.

    Attributes:
        events: Rows of what was taken.
    """

    def __init__(
        self,
        groups: Groups,
        queues: Queues,
        known: Known,
        missing: frozenset[str],
        bounds: Bounds,
        waits: bool,
    ) -> None:
        self._groups = groups
        self._known = known
        self._bounds = bounds
        self._waits = waits
        self._missing = missing
        self._queues: dict[str, list[Queue]] = {}
        for queue in queues.values():
            self._queues.setdefault(queue.key[0], []).append(queue)
        self.events: list[Row] = []

    def take(self, draft: Draft) -> Outcome:
        new = draft.new
        if new.group_id is not None and new.group_id not in self._groups and not self._waits:
            return None
        if self._missing.intersection(_meant(new, self._groups)):
            return None
        repeated = self._known.stored.get((new.sender, new.event_id))
        if repeated:
            return repeated
        try:
            self._check(new)
            queued = self._put(draft)
        except AppError as refusal:
            return refusal
        self._known.stored[(new.sender, new.event_id)] = msgspec.structs.replace(
            queued, users=(), is_repeat=True
        )
        return queued

    def _check(self, new: NewEvent) -> None:
        """Let pass what is for people who are there.

        Raises:
            AppError: NOT_FOUND, RECIPIENT_NOT_FOUND, FORBIDDEN.
        """
        if new.group_id is not None:
            if new.sender not in self._groups.get(new.group_id, ()):
                raise AppError(Code.NOT_FOUND, "there is no such group for you")
            return
        if not self._known.users.issuperset(new.recipients):
            missing = [one for one in new.recipients if one not in self._known.users]
            problem = "some of the recipients have no account here"
            raise AppError(Code.RECIPIENT_NOT_FOUND, problem, details={"not_found": missing})
        if any((new.sender, one) in self._known.blocks for one in new.recipients):
            raise AppError(Code.FORBIDDEN, "you have blocked one of them; unblock them first")

    def _put(self, draft: Draft) -> Queued:
        """Put an event into all queues that have room.

        Raises:
            AppError: ID_CONFLICT, QUEUE_FULL, LIMIT_REACHED.
        """
        new = draft.new
        placed = Placed(new_id(), new.event_id, new.sender, new.is_rotation)
        queues = self._queues_for(new)
        if any(self._holder(one, placed) not in (None, new.sender) for one in queues):
            raise AppError(Code.ID_CONFLICT, "that id is another event's there; take a new one")
        open_keys = {one.key for one in queues if self._has_room(one, placed)}
        reached = {user_id for user_id, _ in open_keys}
        full = sorted({one.key[0] for one in queues} - reached)
        if full and not reached:
            raise AppError(Code.QUEUE_FULL, "all that is for them still waits; try again later")
        self._take_up(draft.new.sender, draft.size_bytes if open_keys else EVENT_BYTES)
        for queue in queues:
            if queue.key[0] in reached:
                self._put_into(queue, placed, draft.now_ms, has_room=queue.key in open_keys)
        users = tuple(UserId(one) for one in sorted(reached))
        queued = Queued(
            event_id=new.event_id,
            sent_ms=draft.now_ms,
            users=users,
            full=tuple(map(UserId, full)),
        )
        self.events.append(_row(new, placed, queued, len(open_keys)))
        return queued

    def _queues_for(self, new: NewEvent) -> list[Queue]:
        """Those of everybody whom it is for, and who has not blocked its sender."""
        sending = (new.sender, new.sender_device) if new.group_id is not None else None
        return [
            queue
            for user in _meant(new, self._groups)
            if (user, new.sender) not in self._known.blocks
            for queue in self._queues.get(user, ())
            if queue.key != sending
        ]

    def _holder(self, queue: Queue, placed: Placed) -> str | None:
        return self._known.holders.get((queue.key, placed.event_id))

    def _has_room(self, queue: Queue, placed: Placed) -> bool:
        held = self._known.held[(queue.key, placed.sender_id)]
        is_greedy = held >= self._bounds.queue_events_of_sender
        return queue.has_room(placed, self._bounds) and not is_greedy

    def _put_into(self, queue: Queue, placed: Placed, now_ms: int, *, has_room: bool) -> None:
        if not has_room:
            queue.lose(LostAs.FULL, now_ms)
            return
        queue.put(placed)
        self._known.held[(queue.key, placed.sender_id)] += 1
        self._known.holders[(queue.key, placed.event_id)] = placed.sender_id

    def _take_up(self, sender: str, size_bytes: int) -> None:
        """Count what the sender stores.

        Raises:
            AppError: LIMIT_REACHED.
        """
        known = self._known
        wanted = known.stored_bytes.get(sender, 0) + known.taken[sender] + size_bytes
        if wanted > self._bounds.account_bytes:
            problem = f"what you have sent takes all the {self._bounds.account_bytes} bytes"
            raise AppError(Code.LIMIT_REACHED, f"{problem} that an account has; try again later")
        known.taken[sender] += size_bytes


def _meant(new: NewEvent, groups: Groups) -> frozenset[str]:
    """Whom an event is for; nobody in a group that is not there."""
    if new.group_id is not None:
        return groups.get(new.group_id, frozenset())
    return frozenset(map(str, new.recipients))


def _row(new: NewEvent, placed: Placed, queued: Queued, count: int) -> Row:
    refused = msgspec.json.encode([str(one) for one in queued.full]).decode()
    times = (queued.sent_ms, queued.sent_ms + KEPT_MS)
    ids = (placed.event_key, new.sender, new.event_id)
    said = (new.metadata, _payload(new)) if count else (None, None)
    return (*ids, new.type, new.group_id, *times, count, refused, *said)


def _payload(new: NewEvent) -> bytes | None:
    return None if new.payload is None else new.payload.encode()
