"""What is told between processes: each address has a channel, and nothing is kept."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from server.core.errors import AppError
from server.stores.redis.ear import Hearer
from server.stores.redis.ending import end
from server.stores.redis.keys import shard_of
from server.stores.redis.lingering import Lingering
from server.stores.redis.link import Call, Link, Value
from server.stores.redis.scripts import Script
from server.stores.redis.told import pack, unpack

log = logging.getLogger("hushwire.redis")

ASK_AGAIN_S = 0.25
"""Until those are told that something waits for them whose events Redis did not take."""

EVENTS_AT_ONCE = 500

MAX_UNSENT = 10_000
"""Events that wait for Redis; of more, it is told at their addresses that something waits."""

MAX_OWED = 100_000
"""Addresses where that is to be told. Where there are more Redis was away, of which all know."""

_TELL = Script("addressed/tell")

Address = TypeVar("Address", bound=str)
Event = TypeVar("Event", bound=Struct)


def mark_of(channel: str) -> str:
    """The two characters behind the tag: of which kind of address the channel is."""
    return channel.partition("}")[2][:2]


class AddressedBroker(ABC, Generic[Address, Event]):
    """Tells each event to every process that hears one of its addresses.

    Attributes:
        mark: Two characters behind the tag, in the channels of its addresses.
        kind: Of all events.
    """

    mark: str
    kind: type[Event]

    def __init__(self, link: Link) -> None:
        self._link = link
        self._ear: Hearer
        self._heard: Counter[Address] = Counter()
        self._unsent: deque[Event] = deque()
        self._owed: dict[Address, None] = {}
        self._sending: asyncio.Task[None] | None = None
        self._lingering = Lingering(lambda channel: self._address_of(channel) in self._heard)
        self._last: tuple[bytes, Event | None] = (b"", None)

    def listen_by(self, ear: Hearer) -> None:
        """Hear by this ear from now on."""
        self._ear = ear

    # --- what each kind of address says ---

    @abstractmethod
    def _addresses(self, event: Event) -> Sequence[Address]:
        """Where an event is to be heard."""

    @abstractmethod
    def _lost(self, addresses: Sequence[Address]) -> list[Event]:
        """Says at these that something may have been lost."""

    @abstractmethod
    def _deliver(self, address: Address, event: Event) -> None:
        """Take what was told at an address that is heard here."""

    @abstractmethod
    def restored(self) -> None:
        """All is heard again after something may have been lost."""

    @abstractmethod
    def _written(self, address: Address) -> str:
        """An address as it stands in a channel."""

    @abstractmethod
    def _read(self, written: str) -> Address:
        """The address that was written so."""

    # --- telling ---

    async def publish(self, event: Event) -> None:
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

    def _next(self) -> list[Event]:
        if self._unsent:
            return [self._unsent.popleft() for _ in range(min(EVENTS_AT_ONCE, len(self._unsent)))]
        owed = list(self._owed)[:EVENTS_AT_ONCE]
        for address in owed:
            del self._owed[address]
        return self._lost(owed)

    async def _send(self, events: list[Event]) -> None:
        by_tag: defaultdict[str, list[Value]] = defaultdict(list)
        for event in events:
            packed = pack(event)
            for address in self._addresses(event):
                by_tag[shard_of(address)] += (self.mark + self._written(address), packed)
        calls: list[Call] = [(tag, *values) for tag, values in by_tag.items()]
        try:
            await self._link.run_many(_TELL, calls)
        except AppError:
            self._owe(events)
        except Exception:  # whatever it is, they are to be told all the same
            log.exception("internal_error")
            self._owe(events)

    def _owe(self, events: Iterable[Event]) -> None:
        for event in events:
            for address in self._addresses(event):
                if len(self._owed) < MAX_OWED:
                    self._owed[address] = None

    # --- hearing ---

    async def hear(self, address: Address) -> None:
        self._heard[address] += 1
        await self._ear.add(self._channel_of(address))

    def unhear(self, address: Address) -> None:
        self._heard[address] -= 1
        if self._heard[address] <= 0:
            del self._heard[address]
            self._lingering.drop_later(self._ear, self._channel_of(address))

    def heard(self, channel: str, data: bytes) -> None:
        """Take what was published on the channel of an address."""
        address = self._address_of(channel)
        if address not in self._heard:
            return
        try:
            if data != self._last[0]:  # else it is for several addresses here
                self._last = data, unpack(self.kind, data)
            if event := self._last[1]:
                self._deliver(address, event)
        except Exception:  # of one event, after which there will be others to hear of
            log.exception("internal_error")

    async def close(self) -> None:
        """Tell what waits to be told, if Redis takes it now."""
        if self._unsent:
            await self._send(self._next())
        await end([self._sending] if self._sending else [])
        await self._lingering.close()

    def _channel_of(self, address: Address) -> str:
        return f"{shard_of(address)}{self.mark}{self._written(address)}"

    def _address_of(self, channel: str) -> Address:
        return self._read(channel.partition("}")[2].removeprefix(self.mark))
