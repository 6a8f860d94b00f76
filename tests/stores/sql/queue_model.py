"""What the store of event queues ought to do, said as plainly as possible."""

from collections.abc import Iterable

from msgspec import Struct, field

from server.core.errors import Code
from server.core.limits import Bounds
from server.core.queued import DEFAULT_DEVICE, KEY_ROTATION, MEMBER_REMOVED, LostAs

DAY_MS = 24 * 60 * 60 * 1000
KEPT_MS = 14 * DAY_MS
EVENT_BYTES = 256

Key = tuple[str, str]
"""The user and the device of a queue."""


class Event(Struct, eq=False):
    """An event; `size_bytes` is what it says. The server's own have no id and no sender.

    Attributes:
        group: On which the server says it.
    """

    event_id: str
    sender: str
    type: str
    size_bytes: int
    expires_ms: int
    sent_ms: int
    full: tuple[str, ...] = ()
    waiting: int = 0
    group: str = ""

    @property
    def is_kept(self) -> bool:
        """Of the server's own nothing is, once they are in no queue."""
        return bool(self.sender or self.waiting)

    def leave(self) -> None:
        """Be in a queue less; in none, only its id is kept, for a day."""
        self.waiting -= 1
        if not self.waiting:
            self.size_bytes = 0
            self.expires_ms = min(self.expires_ms, self.sent_ms + DAY_MS)


class Place(Struct):
    """A place of a queue: an event, or what says that some are gone.

    Attributes:
        counts_for: Of whose events it is one.
    """

    seq: int
    first_seq: int
    event: Event | None
    lost_as: LostAs | None = None
    counts_for: str = ""
    is_rotation: bool = False


class Queue(Struct):
    """What waits for a device.

    Attributes:
        lost: Sequences that were lost, of which the device has not yet acknowledged that.
        owed_from: Where what was lost begins, of a queue that has lapsed.
    """

    seen_ms: int
    seq: int = 0
    places: list[Place] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    has_lapsed: bool = False
    owed_from: int | None = None

    def put(self, event: Event, by: str, *, is_rotation: bool) -> None:
        self.seq += 1
        event.waiting += 1
        self.places.append(Place(self.seq, self.seq, event, None, by, is_rotation))

    def word_on(self, group: str) -> Place | None:
        """What the server has said on a group."""
        found = (one for one in self.places if one.event and one.event.group == group)
        return next(found, None)

    def supersede(self, place: Place) -> None:
        """Have a place, and those like it beside it, say that something newer comes."""
        assert place.event
        place.event.leave()
        self.lost.add(place.seq)
        at = self.places.index(place)
        first, last = at, at + 1
        while first and self.places[first - 1].lost_as is LostAs.SUPERSEDED:
            first -= 1
        while last < len(self.places) and self.places[last].lost_as is LostAs.SUPERSEDED:
            last += 1
        one = Place(self.places[last - 1].seq, self.places[first].first_seq, None)
        one.lost_as, one.is_rotation = LostAs.SUPERSEDED, True
        self.places[first:last] = [one]

    def lose(self, lost_as: LostAs, first_seq: int | None = None) -> None:
        """Say at the end that something more was lost."""
        last = self.places[-1] if self.places else None
        if last and last.seq == self.seq and last.event is None:
            first_seq = self.places.pop().first_seq
        self.seq += 1
        self.lost.add(self.seq)
        self.places.append(Place(self.seq, first_seq or self.seq, None, lost_as))

    def held_of(self, sender: str) -> int:
        return sum(one.counts_for == sender for one in self.places)

    def has_place(self, bounds: Bounds, *, is_rotation: bool) -> bool:
        kept = [one for one in self.places if one.is_rotation]
        if not is_rotation:
            return len(self.places) - len(kept) < bounds.queue_events
        rotations = sum(one.event is not None for one in kept)
        limit = bounds.queue_rotations
        return rotations < limit and len(kept) < 2 * limit

    def holds(self, event_id: str) -> Event | None:
        found = (one.event for one in self.places if one.event)
        return next((one for one in found if one.event_id == event_id), None)

    def revive(self) -> None:
        """Take events again."""
        self.has_lapsed = False
        self.lose(LostAs.LAPSED, self.owed_from)
        self.owed_from = None

    def take_out(self, gone: list[Place]) -> None:
        """What is gone is none of the events' that wait."""
        self.places = [one for one in self.places if one not in gone]
        for one in gone:
            if one.event:
                one.event.leave()


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody wants sent, to users or to a group."""

    sender: str
    device: str
    to: tuple[str, ...] = ()
    group: str | None = None
    event_id: str
    size_bytes: int
    is_rotation: bool = False


class World:
    """All queues, and who has them."""

    def __init__(self, people: Iterable[str], now_ms: int, bounds: Bounds) -> None:
        self.now_ms = now_ms
        self._bounds = bounds
        self.devices = {one: [f"{one}-phone"] for one in people}  # those who have an account
        self.groups: dict[str, list[str]] = {}  # the first member is the owner
        self.blocks: set[tuple[str, str]] = set()
        self.queues: dict[Key, Queue] = {}
        self.events: list[Event] = []

    @property
    def kept_events(self) -> list[Event]:
        return [one for one in self.events if one.is_kept]

    def stored_bytes(self, sender: str) -> int:
        own = (one for one in self.events if one.sender == sender)
        return sum(EVENT_BYTES + (one.size_bytes if one.waiting else 0) for one in own)

    def stored(self, sender: str, event_id: str) -> Event | None:
        own = (one for one in self.events if one.sender == sender and one.event_id == event_id)
        return next(own, None)

    def queues_of(self, user: str) -> dict[Key, Queue]:
        """Those that take events."""
        found = self.queues.items()
        return {key: one for key, one in found if key[0] == user and not one.has_lapsed}

    # --- sending ---

    def make_queues(self, wish: Wish) -> None:
        """Whoever it is for gets queues, if there are none."""
        for user in self._meant(wish):
            if user not in self.devices or self.queues_of(user):
                continue
            if own := [key for key in self.queues if key[0] == user]:
                self.queues[max(own, key=self._seen)].revive()
            else:
                for device_id in self.devices[user] or [DEFAULT_DEVICE]:
                    self.queues[(user, device_id)] = Queue(self.now_ms)

    def _seen(self, key: Key) -> tuple[int, str]:
        return self.queues[key].seen_ms, key[1]

    def _meant(self, wish: Wish) -> list[str]:
        return sorted(self.groups.get(wish.group, ()) if wish.group else wish.to)

    def refusal(self, wish: Wish) -> Code | None:
        if self.stored(wish.sender, wish.event_id):
            return None
        if wish.group and wish.sender not in self.groups.get(wish.group, ()):
            return Code.NOT_FOUND
        if not all(one in self.devices for one in wish.to):
            return Code.RECIPIENT_NOT_FOUND
        if any((wish.sender, one) in self.blocks for one in wish.to):
            return Code.FORBIDDEN
        queues = self._queues_for(wish)
        held = (one.holds(wish.event_id) for one in queues.values())
        if any(one and one.sender != wish.sender for one in held):
            return Code.ID_CONFLICT
        is_reached = any(self._has_room(one, wish) for one in queues.values())
        if queues and not is_reached:
            return Code.QUEUE_FULL
        size_bytes = EVENT_BYTES + (wish.size_bytes if is_reached else 0)
        wanted = self.stored_bytes(wish.sender) + size_bytes
        return Code.LIMIT_REACHED if wanted > self._bounds.account_bytes else None

    def send(self, wish: Wish) -> tuple[Event, set[str]]:
        """The event as it is stored, and whom it has reached by this."""
        if repeated := self.stored(wish.sender, wish.event_id):
            return repeated, set()
        queues = self._queues_for(wish)
        open_keys = {key for key, one in queues.items() if self._has_room(one, wish)}
        reached = {user for user, _ in open_keys}
        size_bytes = wish.size_bytes if reached else 0
        event = self._event(wish.event_id, wish.sender, "", size_bytes)
        event.full = tuple(sorted({user for user, _ in queues} - reached))
        for key, queue in queues.items():
            if key in open_keys:
                queue.put(event, wish.sender, is_rotation=wish.is_rotation)
            elif key[0] in reached:
                queue.lose(LostAs.FULL)
        return event, reached

    def _event(self, event_id: str, sender: str, kind: str, size_bytes: int) -> Event:
        made = Event(event_id, sender, kind, size_bytes, self.now_ms + KEPT_MS, self.now_ms)
        self.events.append(made)
        return made

    def _queues_for(self, wish: Wish) -> dict[Key, Queue]:
        own = (wish.sender, wish.device) if wish.group else None
        return {
            key: queue
            for user in self._meant(wish)
            if (user, wish.sender) not in self.blocks
            for key, queue in self.queues_of(user).items()
            if key != own
        }

    def _has_room(self, queue: Queue, wish: Wish) -> bool:
        is_greedy = queue.held_of(wish.sender) >= self._bounds.queue_events_of_sender
        return queue.has_place(self._bounds, is_rotation=wish.is_rotation) and not is_greedy

    def _announce(self, kind: str, group: str, users: Iterable[str], by: str) -> None:
        """The server's own event, to all who have queues, in place of the one before."""
        queues = [one for user in users for one in self.queues_of(user).values()]
        event = self._event("", "", kind, 0)
        for queue in queues:
            before = queue.word_on(group)
            freed = before is not None and before.counts_for == by
            is_greedy = queue.held_of(by) - freed >= self._bounds.queue_events_of_sender
            has_place = before or queue.has_place(self._bounds, is_rotation=True)
            if has_place and not is_greedy:
                queue.put(event, by, is_rotation=True)
                if before:
                    queue.supersede(before)
            else:
                queue.lose(LostAs.FULL)
        event.group = group
        if not event.waiting:
            self.events.remove(event)

    # --- acknowledging and seeing ---

    def acknowledge(self, key: Key, seq: int) -> None:
        """Take a place out of a queue, by its sequence."""
        queue = self.queues[key]
        (place,) = [one for one in queue.places if one.seq == seq]
        queue.seen_ms = max(queue.seen_ms, self.now_ms)
        queue.take_out([place])
        if place.event is None:
            queue.lost -= set(range(place.first_seq, place.seq + 1))

    def see(self, key: Key) -> None:
        queue = self.queues.setdefault(key, Queue(self.now_ms))
        queue.seen_ms = max(queue.seen_ms, self.now_ms)
        if queue.has_lapsed:
            queue.revive()

    # --- time ---

    def expire(self) -> int:
        """How many events and queues are forgotten."""
        over = [one for one in self.kept_events if one.expires_ms <= self.now_ms]
        for queue in self.queues.values():
            self._replace(queue, over)
        self.events = [one for one in self.events if one not in over]
        lapsed = [
            queue
            for key, queue in self.queues.items()
            if queue.seen_ms + KEPT_MS <= self.now_ms
            and not queue.has_lapsed
            and key != max(self.queues_of(key[0]), key=self._seen)
        ]
        for queue in lapsed:
            queue.owed_from = min((one.first_seq for one in queue.places), default=None)
            queue.lost |= {one.seq for one in queue.places}
            queue.take_out(list(queue.places))
            queue.has_lapsed = True
        return len(over) + len(lapsed)

    def _replace(self, queue: Queue, over: list[Event]) -> None:
        """One place stands for all that has expired, and for what was lost before that."""
        expired = [one for one in queue.places if one.event in over]
        if not expired:
            return
        last = expired[-1].seq
        lost = [one for one in queue.places if one.event is None and one.seq < last]
        queue.lost |= {one.seq for one in expired}
        queue.take_out(expired + lost)
        first = min(one.first_seq for one in expired + lost)
        queue.places.append(Place(last, first, None, LostAs.EXPIRED))
        queue.places.sort(key=lambda one: one.seq)

    # --- coming and going ---

    def create(self, group: str, members: list[str]) -> None:
        self.groups[group] = members
        self._announce(KEY_ROTATION, group, members, members[0])

    def add(self, group: str, user: str, by: str) -> None:
        self.groups[group].append(user)
        self._announce(KEY_ROTATION, group, self.groups[group], by)

    def remove(self, group: str, user: str) -> None:
        """Somebody leaves."""
        self._announce(MEMBER_REMOVED, group, [user], user)
        self._leave(group, user)

    def _leave(self, group: str, user: str) -> None:
        self.groups[group].remove(user)
        if self.groups[group]:
            self._announce(KEY_ROTATION, group, self.groups[group], user)
        else:
            del self.groups[group]

    def revoke(self, key: Key) -> None:
        self.devices[key[0]].remove(key[1])
        self._end(key)

    def delete(self, user: str) -> None:
        del self.devices[user]
        self.blocks = {pair for pair in self.blocks if user not in pair}
        for group in sorted(self.groups):
            if user in self.groups[group]:
                self._leave(group, user)
        for key in [one for one in self.queues if one[0] == user]:
            self._end(key)

    def _end(self, key: Key) -> None:
        if queue := self.queues.pop(key, None):
            queue.take_out(list(queue.places))
