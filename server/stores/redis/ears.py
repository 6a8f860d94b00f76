"""Hearing a Cluster: an ear for each master, so that nothing is passed from one to the others."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from redis.exceptions import MovedError

from server.stores.redis.cluster import Address, Cluster
from server.stores.redis.ear import Ear, Hearer
from server.stores.redis.ending import end
from server.stores.redis.keys import BEAT, GROUPS, tag_in
from server.stores.redis.link import Link
from server.stores.redis.tasks import Tasks


def ear_on(
    link: Link,
    *,
    own: str,
    on_message: Callable[[str, bytes], None],
    on_restored: Callable[[], None],
) -> "Ear | Ears":
    """What hears this Redis: one connection, or one to each master of a Cluster of Redis 7.

    Args:
        own: A channel on which a `BEAT` comes every second.
        on_message: Called with a channel and what was published there; never waits.
        on_restored: Called when channels are heard again after something may have been lost.
    """
    is_sharded = link.publish == "SPUBLISH"
    if is_sharded and link.cluster:
        return Ears(link, link.cluster, own=own, on_message=on_message, on_restored=on_restored)
    return Ear(
        link.pubsub,
        is_sharded=is_sharded,
        own=own,
        on_message=on_message,
        on_lost=link.doubt,
        on_restored=on_restored,
    )


class Ears(Hearer):
    """Hears each channel at the master that has its slot, and the own one at every master.

    A master that is lost is used no more until it was looked at; the others go on.

    Attributes:
        begun: Set once all masters were heard that answer.
    """

    def __init__(
        self,
        link: Link,
        cluster: Cluster,
        *,
        own: str,
        on_message: Callable[[str, bytes], None],
        on_restored: Callable[[], None],
    ) -> None:
        self._link = link
        self._cluster = cluster
        self._own = own
        self._on_message = on_message
        self._on_restored = on_restored
        self._ears: dict[Address, Ear] = {}
        self._listening: dict[Address, asyncio.Task[None]] = {}
        self._places: dict[str, Address | None] = {}  # where each channel is to be heard
        self._moved = asyncio.Event()  # another one after every change
        self._moving: dict[Address | None, set[str]] = {}  # to be heard where they have moved to
        self._tasks = Tasks()
        self.begun = asyncio.Event()

    @property
    def is_on(self) -> bool:
        """All channels are heard at those masters that answer."""
        present = [one for address, one in self._ears.items() if self._cluster.answers(address)]
        return bool(present) and all(ear.is_on for ear in present)

    def hears(self, channel: str) -> bool:
        ear = self._ear_of(channel)
        return ear is not None and ear.hears(channel)

    async def hear(self, channel: str) -> None:
        self._places.setdefault(channel, self._cluster.owner_of(tag_in(channel)))
        while channel in self._places and not self.hears(channel):
            ear = self._ear_of(channel)
            hearing = (ear.hear(channel),) if ear else ()
            await _first_of(self._moved.wait(), *hearing)

    async def drop(self, channel: str) -> None:
        ear = self._ear_of(channel)
        self._places.pop(channel, None)
        if ear:
            await ear.drop(channel)

    async def listen(self) -> None:
        """Hear until cancelled."""
        self._cluster.watch(self._follow, self._mistrust)
        self._follow()
        try:
            for address, ear in tuple(self._ears.items()):
                if self._cluster.answers(address):
                    await ear.begun.wait()
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self._cluster.watch(lambda: None, lambda _: None)
            # Whoever ends us may ask again while this is under way.
            await asyncio.shield(end((*self._listening.values(), *self._tasks)))

    # --- masters that come and go ---

    def _follow(self) -> None:
        """Hear each channel at the master that has it by now."""
        masters = self._cluster.addresses
        for address in self._ears.keys() - masters:
            del self._ears[address]
            self._tasks.start(end((self._listening.pop(address),)))
        for address in masters - self._ears.keys():
            self._open(address)
        for channel in [one for one in self._places if self._move(one)]:
            self._hear_again_soon(channel, self._places[channel])
        self._moved.set()
        self._moved = asyncio.Event()

    def _open(self, address: Address) -> None:
        ear = self._ears[address] = Ear(
            functools.partial(self._cluster.pubsub_at, address),
            is_sharded=True,
            own=self._own,
            on_message=functools.partial(self._heard, address),
            on_lost=functools.partial(self._link.doubt_master, address),
            on_restored=self._on_restored,
            on_moved=self._follow_slot,
        )
        self._listening[address] = asyncio.create_task(ear.listen())

    def _move(self, channel: str) -> bool:
        """Leave the master that had a channel; whether another one has it."""
        former, owner = self._places[channel], self._cluster.owner_of(tag_in(channel))
        if owner == former:
            return False
        if ear := self._ear_of(channel):
            ear.forget(channel)
        self._places[channel] = owner
        return True

    def _hear_again_soon(self, channel: str, owner: Address | None) -> None:
        if owner not in self._moving:
            self._moving[owner] = set()
            self._tasks.start(self._hear_again(owner))
        self._moving[owner].add(channel)

    async def _hear_again(self, owner: Address | None) -> None:
        """Hear what has moved to a master, and tell of it once for all of it."""
        try:
            while channels := self._moving[owner]:
                self._moving[owner] = set()
                await asyncio.gather(*map(self.hear, channels))
        finally:
            del self._moving[owner]
        self._on_restored()

    def _follow_slot(self, moved: MovedError) -> None:
        self._cluster.move(moved)

    def _mistrust(self, address: Address) -> None:
        # It may have been replaced while it hung, and do then what had reached it before.
        if ear := self._ears.get(address):
            ear.mistrust()

    # --- what is heard ---

    def _heard(self, address: Address, channel: str, data: bytes) -> None:
        """Take what one master says, if it still has a say in that."""
        if channel != self._own:
            is_taken = self._places.get(channel) == address
        else:
            # All ears hear the same there, which only the master of groups says beside beats.
            is_taken = data == BEAT or self._cluster.owner_of(GROUPS) == address
        if is_taken:
            self._on_message(channel, data)

    def _ear_of(self, channel: str) -> Ear | None:
        address = self._places.get(channel)
        return self._ears.get(address) if address else None


async def _first_of(*waiting: Coroutine[Any, Any, Any]) -> None:
    """Wait for one of several, and leave the others."""
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
