"""Hearing Redis publish: one connection, which begins anew by itself when it is lost."""

import asyncio
import contextlib
import itertools
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from redis.asyncio.client import PubSub
from redis.exceptions import MovedError, RedisError

from server.core.patience import Patience
from server.stores.redis.link import unavailable

log = logging.getLogger("hushwire.redis")

SILENCE_S = 3.0
"""Without a word, not even one's own heartbeat, a connection is taken for dead."""

LOOKS = 6
"""Parts of that time, at the end of each of which what has come by then is read."""

CONFIRM_LIMIT_S = 2.0
"""For Redis to say that it will tell."""

_PAUSE_S = (0.05, 0.5)
"""Between two tries to connect: one of many processes should not knock at the same time."""

_BATCH = 500

# RuntimeError is uvloop's word for a connection that has just been closed, AttributeError the
# client's.
_CLOSED = (RedisError, OSError, TimeoutError, RuntimeError, AttributeError)


class _LostError(Exception):
    """The connection is not to be used any more."""


class Hearer(ABC):
    """What hears channels."""

    @abstractmethod
    def hears(self, channel: str) -> bool:
        """Whether a channel is heard by now."""

    @abstractmethod
    async def hear(self, channel: str) -> None:
        """Hear a channel; returns once it is heard, however long that takes, or is dropped."""

    @abstractmethod
    async def drop(self, channel: str) -> None:
        """Hear a channel no more."""

    async def add(self, channel: str) -> None:
        """Hear a channel; returns once it is heard.

        Raises:
            AppError: UNAVAILABLE. It is heard as soon as that is possible.
        """
        if self.hears(channel):
            return
        await asyncio.sleep(0)  # handlers begin outside of any task, and limits need one
        try:
            async with Patience(CONFIRM_LIMIT_S):
                await self.hear(channel)
        except TimeoutError:
            raise unavailable() from None


class Ear(Hearer):
    """Hears channels.

    Args:
        open_pubsub: Makes a connection of its own.
        is_sharded: Whether channels are heard by SSUBSCRIBE; `own` is heard by SUBSCRIBE.
        own: A channel on which something is said every second.
        on_message: Called with a channel and what was published there; never waits.
        on_lost: Called when it hears no more.
        on_restored: Called when all channels are heard again after something may have been lost.
        on_moved: Called when another server of a Cluster has a channel, or the slot of one.

    Attributes:
        begun: Set once it has heard at all.
        is_on: All channels that are wanted are heard.
    """

    def __init__(
        self,
        open_pubsub: Callable[[], PubSub],
        *,
        is_sharded: bool,
        own: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None],
        on_restored: Callable[[], None],
        on_moved: Callable[[MovedError], None] | None = None,
    ) -> None:
        self._open_pubsub = open_pubsub
        self._is_sharded = is_sharded
        self._own = own
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._on_moved = on_moved
        self._confirmed: dict[str, asyncio.Event] = {}
        self._pubsub: PubSub | None = None
        self._waiting: set[str] = set()  # while it begins
        self._ended: set[str] = set()  # which the server has ended by itself
        self._is_mistrusted = False
        self.begun = asyncio.Event()
        self.is_on = False

    def hears(self, channel: str) -> bool:
        confirmed = self._confirmed.get(channel)
        return confirmed is not None and confirmed.is_set()

    async def hear(self, channel: str) -> None:
        confirmed = self._confirmed.get(channel)
        if confirmed is None:
            confirmed = self._confirmed[channel] = asyncio.Event()
            if self._pubsub:
                with contextlib.suppress(*_CLOSED):
                    await self._subscribe(self._pubsub, channel)
        await confirmed.wait()

    async def drop(self, channel: str) -> None:
        is_known = channel in self._confirmed
        self.forget(channel)
        if is_known and self._pubsub:
            with contextlib.suppress(*_CLOSED):
                await self._unsubscribe(self._pubsub, channel)

    def forget(self, channel: str) -> None:
        """Hear a channel no more, which another server has."""
        if confirmed := self._confirmed.pop(channel, None):
            confirmed.set()  # who waits for it would wait for ever
        self._ended.discard(channel)
        self._waiting.discard(channel)
        self._note_begun()

    def mistrust(self) -> None:
        """Begin anew, and take nothing that still comes on this connection."""
        self._is_mistrusted = True

    async def listen(self) -> None:
        """Hear until cancelled."""
        while True:
            try:
                await self._hear()
            except (*_CLOSED, _LostError):
                pass  # it is tried again
            except Exception:  # whatever it is, the process must not be deaf from now on
                log.exception("internal_error")
            await asyncio.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 - no secret

    async def _hear(self) -> None:
        self._is_mistrusted = False
        pubsub = self._open_pubsub()
        try:
            await self._begin(pubsub)
            while True:
                await self._take_next(pubsub)
        except asyncio.CancelledError:
            self.is_on = False  # since nobody is to hear any more, which is no loss
            raise
        finally:
            self._pubsub = None
            self._ended.clear()
            if self.is_on:
                log.warning("redis_not_heard")
                self._on_lost()
            self.is_on = False
            for confirmed in self._confirmed.values():
                confirmed.clear()
            with contextlib.suppress(Exception):
                await pubsub.aclose()

    async def _begin(self, pubsub: PubSub) -> None:
        channels = sorted(self._confirmed, key=_tag_of)
        self._waiting = {self._own, *channels}
        await pubsub.subscribe(self._own)
        # A Cluster takes no command for two slots.
        for _, some in itertools.groupby(channels, _tag_of):
            while batch := tuple(itertools.islice(some, _BATCH)):
                await self._subscribe(pubsub, *batch)
        self._pubsub = pubsub
        for channel in self._confirmed.keys() - set(channels):  # which came meanwhile
            await self._subscribe(pubsub, channel)

    async def _take_next(self, pubsub: PubSub) -> None:
        try:
            message = await _next_of(pubsub)
        except MovedError as moved:
            if self._on_moved is None:
                raise
            self._on_moved(moved)
            return
        if message is None or self._is_mistrusted:
            raise _LostError
        channel = message["channel"].decode()
        if message["type"] == "sunsubscribe" and self.hears(channel):
            await self._ask_again(pubsub, channel)
        else:
            self._take(message["type"], channel, message["data"])

    async def _ask_again(self, pubsub: PubSub, channel: str) -> None:
        """Hear a channel that the server has ended: it says then which one has it now."""
        self._confirmed[channel].clear()
        self._ended.add(channel)
        await self._subscribe(pubsub, channel)

    def _take(self, kind: str, channel: str, data: bytes) -> None:
        if kind in ("message", "smessage"):
            self._on_message(channel, data)
        elif kind in ("subscribe", "ssubscribe"):
            if channel == self._own and self.is_on:
                raise _LostError  # the library has connected anew, and something may be lost
            if confirmed := self._confirmed.get(channel):
                confirmed.set()
            self._waiting.discard(channel)
            if channel in self._ended:
                self._ended.discard(channel)
                self._on_restored()
            self._note_begun()

    def _note_begun(self) -> None:
        if self._waiting or self.is_on or self._pubsub is None:
            return
        self.is_on = True
        if self.begun.is_set():
            log.info("redis_heard_again")
            self._on_restored()
        self.begun.set()

    async def _subscribe(self, pubsub: PubSub, *channels: str) -> None:
        await (pubsub.ssubscribe if self._is_sharded else pubsub.subscribe)(*channels)

    async def _unsubscribe(self, pubsub: PubSub, channel: str) -> None:
        await (pubsub.sunsubscribe if self._is_sharded else pubsub.unsubscribe)(channel)


async def _next_of(pubsub: PubSub) -> Any:
    """What is said next; None if nothing is for too long."""
    # If it was this process that stood still, that cost one look: with the next ones it reads
    # what lies there, and hears the heartbeat that it could not send meanwhile.
    for _ in range(LOOKS):
        if message := await pubsub.get_message(timeout=SILENCE_S / LOOKS):
            return message
    return None


def _tag_of(channel: str) -> str:
    return channel.partition("}")[0]
