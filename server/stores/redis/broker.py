"""The broker of many processes: what Redis publishes, and a room's log where that was lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from server.core.events import (
    MOMENTARY,
    ConnectionAttached,
    EventsLost,
    MessageSent,
    RoomEvent,
    RoomExpired,
)
from server.core.ids import RoomId
from server.core.ports import Deliver, Missed, Placed
from server.stores.redis.attachments import Attachments
from server.stores.redis.codec import event_of, unpack
from server.stores.redis.ear import Hearer
from server.stores.redis.ending import end
from server.stores.redis.feeds import Feed, Tail
from server.stores.redis.keys import channel_of, room_of
from server.stores.redis.lingering import Lingering
from server.stores.redis.link import unavailable
from server.stores.redis.logs import Gone, Known, RoomLogs
from server.stores.redis.tasks import Tasks

log = logging.getLogger("hushwire.redis")

MAX_READS = 20
"""Logs that are read at the same time, after nothing was heard for a while."""


class RedisBroker:
    """A `Broker` for all processes that share a Redis.

    Scripts of the stores publish what they change, and note it in the room's log, in one step;
    so all there is to follow are connections that were attached.
    """

    def __init__(self, logs: RoomLogs, attachments: Attachments, idle_limit_ms: int) -> None:
        self._logs = logs
        self._attachments = attachments
        self._idle_limit_ms = idle_limit_ms
        self._ear: Hearer
        self._subscribers: list[Deliver] = []
        self._feeds: dict[RoomId, Feed] = {}
        self._reads = asyncio.Semaphore(MAX_READS)
        self._opening = Tasks()
        self._lingering = Lingering(lambda channel: room_of(channel) in self._feeds)

    def listen_by(self, ear: Hearer) -> None:
        """Hear by this ear from now on."""
        self._ear = ear

    # --- telling ---

    async def publish(self, event: RoomEvent) -> None:
        await self._logs.publish(event, is_noted=not isinstance(event, MOMENTARY))

    async def follow(self, events: Sequence[RoomEvent]) -> None:
        for event in events:
            if isinstance(event, ConnectionAttached):
                place = self._attachments.take(event.connection_id, event.room_id)
                if place is not None:  # else another process has been told
                    self.attach(event, place)

    async def said(self, event: MessageSent, *, is_repeat: bool) -> None:
        if feed := self._feeds.get(event.room_id):
            try:
                await feed.told(event.seq)
            except TimeoutError:
                raise unavailable() from None

    # --- hearing ---

    def subscribe(self, deliver: Deliver) -> None:
        self._subscribers.append(deliver)

    @asynccontextmanager
    async def hearing(self, room_id: RoomId) -> AsyncIterator[None]:
        feed = self._feed_of(room_id)
        feed.expecting += 1
        try:
            await self._ear.add(channel_of(room_id))
            yield
        finally:
            feed.expecting -= 1
            if feed.place is None:
                self.unheard(room_id)

    def unheard(self, room_id: RoomId) -> None:
        feed = self._feeds.get(room_id)
        if feed is None:
            return
        feed.end()
        if not feed.expecting:
            del self._feeds[room_id]
            self._lingering.drop_later(self._ear, channel_of(room_id))

    def attach(self, event: ConnectionAttached, place: int) -> None:
        """Tell a connection here of its room from that place on."""
        feed = self._feed_of(event.room_id)
        ends = feed.ends
        self._deliver(event, place)
        if feed.place is None and feed.ends == ends:  # else its connection is gone
            feed.begin(place)
            if not self._ear.hears(channel_of(event.room_id)):
                self._opening.start(self._open(feed))

    def heard(self, channel: str, data: bytes) -> None:
        """Take what was published on the channel of a room."""
        if feed := self._feeds.get(room_of(channel)):
            place, plain = unpack(data)
            feed.take(Placed(place, event_of(feed.room_id, plain)))

    def tell_here(self, event: RoomEvent) -> None:
        """Tell of what concerns nobody at other processes."""
        self._deliver(event, 0)

    def check_all(self) -> None:
        """See whether something was missed in any room."""
        for feed in self._feeds.values():
            feed.fill()

    async def missed(self, room_id: RoomId, place: int) -> Missed | None:
        async with self._reads:
            found = await self._logs.read(room_id, place)
        return Missed(found.events, found.place) if isinstance(found, Known) else None

    async def close(self) -> None:
        for feed in self._feeds.values():
            feed.end()
        await end(self._opening)
        await self._lingering.close()

    # --- inside ---

    def _feed_of(self, room_id: RoomId) -> Feed:
        feed = self._feeds.get(room_id)
        if feed is None:
            feed = self._feeds[room_id] = Feed(room_id, self._read, self._deliver)
        return feed

    def _deliver(self, event: RoomEvent, place: int) -> None:
        for deliver in self._subscribers:
            try:
                deliver(event, place)
            except Exception:  # of one event, after which there will be others to hear of
                log.exception("internal_error")

    async def _read(self, room_id: RoomId, place: int) -> Tail:
        """What a feed is to deliver that stands at this place."""
        async with self._reads:
            found = await self._logs.read(room_id, place)
        match found:
            case Known():
                return Tail(found.events, found.place)
            case Gone():
                expired = RoomExpired(room_id=room_id, idle_limit_ms=self._idle_limit_ms)
                return Tail((Placed(0, expired),), place)
            case newest:
                return Tail((Placed(0, EventsLost(room_id=room_id)),), newest.place)

    async def _open(self, feed: Feed) -> None:
        """Hear a room into which somebody came before it was heard."""
        await self._ear.hear(channel_of(feed.room_id))
        feed.fill()
