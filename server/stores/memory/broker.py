"""The broker of one process: a direct call, and a log of what was told lately."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import islice

from msgspec import Struct, structs

from server.core.clock import Clock
from server.core.events import (
    MOMENTARY,
    ConnectionAttached,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
)
from server.core.ids import RoomId
from server.core.ports import Deliver, Missed, Placed

KEPT_MS = 5 * 60_000
"""For so long what was told is remembered, or longer, if somebody may come back for it."""

_MAX_EVENTS = 256
_MAX_BYTES = 1 << 20
"""Of one room's log: less than its history has by default, and of the same messages."""


class LocalBroker:
    """A `Broker` for one process.

    Args:
        recovery_ms: For so long after a drop somebody may come back.
    """

    def __init__(self, clock: Clock, recovery_ms: int = 0) -> None:
        self._clock = clock
        self._kept_ms = max(KEPT_MS, 2 * recovery_ms)
        self._deliver: list[Deliver] = []
        self._logs: dict[RoomId, _Log] = {}
        self._unheard: OrderedDict[RoomId, int] = OrderedDict()  # since when, longest first

    async def publish(self, event: RoomEvent) -> None:
        self._tell(event)

    async def follow(self, events: Sequence[RoomEvent]) -> None:
        for event in events:
            self._tell(event)

    async def said(self, event: MessageSent, *, is_repeat: bool) -> None:
        if not is_repeat:
            self._note(event, event.sent_ms)

    def hearing(self, room_id: RoomId) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def unheard(self, room_id: RoomId) -> None:
        self._unheard[room_id] = self._clock.now_ms()
        self._unheard.move_to_end(room_id)

    def subscribe(self, deliver: Deliver) -> None:
        self._deliver.append(deliver)

    async def missed(self, room_id: RoomId, place: int) -> Missed | None:
        log = self._logs.get(room_id)
        return log.after(place) if log else None

    def _tell(self, event: RoomEvent) -> None:
        if isinstance(event, MOMENTARY):
            self._hand_out(event, 0)
        elif isinstance(event, ConnectionAttached):
            log = self._logs.get(event.room_id) or self._begin_log(event.room_id)
            self._hand_out(event, log.place)
        else:
            self._note(event, self._clock.now_ms())
        if isinstance(event, RoomExpired):
            self._logs.pop(event.room_id, None)

    def _note(self, event: RoomEvent, now_ms: int) -> None:
        """Tell of an event that stands in the room's log."""
        log = self._logs.get(event.room_id) or self._begin_log(event.room_id)
        self._hand_out(event, log.add(event, now_ms, now_ms - self._kept_ms))

    def _hand_out(self, event: RoomEvent, place: int) -> None:
        for deliver in self._deliver:
            deliver(event, place)

    def _begin_log(self, room_id: RoomId) -> "_Log":
        now_ms = self._clock.now_ms()
        log = self._logs[room_id] = _Log(now_ms)
        self._forget_unheard(now_ms - self._kept_ms)
        return log

    def _forget_unheard(self, until_ms: int) -> None:
        while self._unheard:
            room_id, since_ms = next(iter(self._unheard.items()))
            if since_ms > until_ms:
                return
            del self._unheard[room_id]
            log = self._logs.get(room_id)
            if log and log.told_ms <= until_ms:
                del self._logs[room_id]


class _Log:
    """What was told of one room.

    Of a session's lists of members only the newest is kept: who has missed several is told
    how things stand now.

    Attributes:
        place: Of the newest event. The first is that of the time: in a later log of a room of
            the same id, no event has a place that one had in this.
        told_ms: When that was.
    """

    __slots__ = ("_entries", "_held_bytes", "_list", "place", "told_ms")

    def __init__(self, now_ms: int) -> None:
        self.place = now_ms
        self.told_ms = now_ms
        self._entries: deque[_Entry] = deque()
        self._list: _Entry | None = None  # the newest
        self._held_bytes = 0

    def add(self, event: RoomEvent, now_ms: int, until_ms: int) -> int:
        """Note an event, and forget those until then, or more where there are too many."""
        self.place += 1
        self.told_ms = now_ms
        size_bytes = event.ciphertext.size_bytes if type(event) is MessageSent else 0
        entry = _Entry(now_ms, event, size_bytes)
        if type(event) is MembersChanged and not event.epoch:
            if self._list:
                self._list.event = None
            self._list = entry
        self._entries.append(entry)
        self._held_bytes += size_bytes
        while self._entries and self._is_over(until_ms):
            self._held_bytes -= self._entries.popleft().size_bytes
        return self.place

    def after(self, place: int) -> Missed | None:
        count = self.place - place
        if not 0 <= count <= len(self._entries):
            return None
        newest = [one.event for one in islice(self._entries, len(self._entries) - count, None)]
        has_older_lists = None in newest
        places = enumerate(newest, start=place + 1)
        return Missed(
            tuple(_placed(one, event, has_older_lists) for one, event in places if event),
            self.place,
        )

    def _is_over(self, until_ms: int) -> bool:
        is_old = self._entries[0].told_ms <= until_ms
        return is_old or len(self._entries) > _MAX_EVENTS or self._held_bytes > _MAX_BYTES


class _Entry(Struct, gc=False):
    """An event, or None for a list of members after which there was another."""

    told_ms: int
    event: RoomEvent | None
    size_bytes: int


def _placed(place: int, event: RoomEvent, has_older_lists: bool) -> Placed:
    if has_older_lists and isinstance(event, MembersChanged):
        # Whom it would skip has missed one before it.
        event = structs.replace(event, skip=None)
    return Placed(place, event)
