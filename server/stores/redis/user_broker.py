"""What concerns users, told between processes: each user has a channel, and nothing is kept."""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable

from server.core.errors import AppError
from server.core.ids import UserId
from server.core.ports import DeliverToUser
from server.core.user_events import MailWaits, UserEvent
from server.stores.redis.codec import user_id_of, written
from server.stores.redis.ear import Hearer
from server.stores.redis.ending import end
from server.stores.redis.keys import user_tag
from server.stores.redis.lingering import Lingering
from server.stores.redis.link import Call, Link, Value
from server.stores.redis.scripts import Script
from server.stores.redis.user_events import pack, unpack

log = logging.getLogger("hushwire.redis")

ASK_AGAIN_S = 0.25
"""Until those are told that something waits for them whose events Redis did not take."""

EVENTS_AT_ONCE = 500

MAX_UNSENT = 10_000
"""Events that wait for Redis; of more, their users are told that something waits for them."""

MAX_OWED = 100_000
"""Users who are to be told so. Where there are more Redis was away, of which all know."""

_TELL = Script("users/tell")
_MARK = "u:"
"""After the tag, in the channel of a user."""


def is_of_user(channel: str) -> bool:
    """Whether this is the channel of a user."""
    return channel.partition("}")[2].startswith(_MARK)


class RedisUserBroker:
    """A `UserBroker` for all processes that share a Redis."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._ear: Hearer
        self._subscribers: list[tuple[DeliverToUser, Callable[[], None]]] = []
        self._heard: Counter[UserId] = Counter()
        self._unsent: deque[UserEvent] = deque()
        self._owed: dict[UserId, None] = {}
        self._sending: asyncio.Task[None] | None = None
        self._lingering = Lingering(lambda channel: _user_of(channel) in self._heard)
        self._last: tuple[bytes, UserEvent | None] = (b"", None)

    def listen_by(self, ear: Hearer) -> None:
        """Hear by this ear from now on."""
        self._ear = ear

    # --- telling ---

    async def publish(self, event: UserEvent) -> None:
        if len(self._unsent) < MAX_UNSENT:
            self._unsent.append(event)
        else:
            self._owe((event,))
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._unsent or self._owed:
                if self._owed:
                    await asyncio.sleep(ASK_AGAIN_S)
                await self._send(self._next())
        finally:
            self._sending = None

    def _next(self) -> list[UserEvent]:
        if self._unsent:
            return [self._unsent.popleft() for _ in range(min(EVENTS_AT_ONCE, len(self._unsent)))]
        owed = list(self._owed)[:EVENTS_AT_ONCE]
        for user_id in owed:
            del self._owed[user_id]
        return [MailWaits(users=tuple(owed))]

    async def _send(self, events: list[UserEvent]) -> None:
        by_tag: defaultdict[str, list[Value]] = defaultdict(list)
        for event in events:
            packed = pack(event)
            for user_id in event.users:
                by_tag[user_tag(user_id)] += (written(user_id), packed)
        calls: list[Call] = [(tag, *values) for tag, values in by_tag.items()]
        try:
            await self._link.run_many(_TELL, calls)
        except AppError:
            self._owe(events)
        except Exception:  # whatever it is, the users are to be told all the same
            log.exception("internal_error")
            self._owe(events)

    def _owe(self, events: Iterable[UserEvent]) -> None:
        for event in events:
            for user_id in event.users:
                if len(self._owed) < MAX_OWED:
                    self._owed[user_id] = None

    # --- hearing ---

    def subscribe(self, deliver: DeliverToUser, on_lost: Callable[[], None]) -> None:
        self._subscribers.append((deliver, on_lost))

    async def hear(self, user_id: UserId) -> None:
        self._heard[user_id] += 1
        await self._ear.add(_channel_of(user_id))

    def unhear(self, user_id: UserId) -> None:
        self._heard[user_id] -= 1
        if self._heard[user_id] <= 0:
            del self._heard[user_id]
            self._lingering.drop_later(self._ear, _channel_of(user_id))

    def heard(self, channel: str, data: bytes) -> None:
        """Take what was published on the channel of a user."""
        user_id = _user_of(channel)
        if user_id not in self._heard:
            return
        try:
            if data != self._last[0]:  # else it is for several users here
                self._last = data, unpack(data)
            if event := self._last[1]:
                for deliver, _ in self._subscribers:
                    deliver(user_id, event)
        except Exception:  # of one event, after which there will be others to hear of
            log.exception("internal_error")

    def restored(self) -> None:
        """All is heard again after something may have been lost."""
        for _, on_lost in self._subscribers:
            on_lost()

    async def close(self) -> None:
        """Tell what waits to be told, if Redis takes it now."""
        if self._unsent:
            await self._send(self._next())
        await end([self._sending] if self._sending else [])
        await self._lingering.close()


def _channel_of(user_id: UserId) -> str:
    return f"{user_tag(user_id)}{_MARK}{written(user_id)}"


def _user_of(channel: str) -> UserId:
    return user_id_of(channel.partition("}")[2].removeprefix(_MARK))
