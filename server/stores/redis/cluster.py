"""The masters of a Redis Cluster, with a queue for each, and who has which slots."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError

from server.stores.redis.ending import end
from server.stores.redis.servers import AWAY, Runs, Server
from server.stores.redis.tasks import Tasks

Address = tuple[str, int]

_SLOTS = 16_384

_MOVES = 3
"""So often a command follows a slot that has moved."""


class Cluster:
    """The masters of a Cluster: one that hangs holds up what is for it, and nothing else.

    Args:
        client: Of the server that was named first; it is asked where no master answers.
        open_client: Makes a client of the server at an address.
    """

    are_one = False

    def __init__(
        self,
        client: redis_asyncio.Redis,
        open_client: Callable[[Address], redis_asyncio.Redis],
    ) -> None:
        self.client = client
        self._open_client = open_client
        self._masters: dict[Address, Server] = {}
        self._owners: list[Address | None] = [None] * _SLOTS
        self._tasks = Tasks()
        self._refreshing: asyncio.Task[None] | None = None
        self._away: set[Address] = set()
        self._on_moved: Callable[[], None] = lambda: None
        self._on_doubted: Callable[[Address], None] = lambda _: None

    @property
    def clients(self) -> tuple[redis_asyncio.Redis, ...]:
        return tuple(one.client for one in self._masters.values())

    async def call(self, tag: str, *command: Any, is_kept: bool) -> Any:
        for _ in range(_MOVES):
            try:
                return await self._owner(tag).call(tag, *command, is_kept=is_kept)
            except MovedError as moved:  # it has not run there
                self.move(moved)
                if not self.is_known(tag):
                    break
        raise ClusterDownError("CLUSTERDOWN the slot has moved")

    async def look(self) -> Runs:
        masters = tuple(self._masters.items())
        failures = [master.failures for _, master in masters]
        found = await asyncio.gather(*(one.run_id() for _, one in masters), return_exceptions=True)
        runs: dict[str, str | None] = {}
        self._away.clear()
        for (address, master), count, run in zip(masters, failures, found, strict=True):
            place = "{}:{}".format(*address)
            runs[place] = None
            if not isinstance(run, str):  # with one of them away the others go on
                self._away.add(address)
                self._refresh_soon()
            elif master.failures == count:
                runs[place] = master.run = run
        return runs

    def move(self, moved: MovedError) -> None:
        """Note who has a slot, as its former master says."""
        former = self._owners[moved.slot_id]
        # Who does not say is there as well.
        address = moved.host or (former[0] if former else ""), moved.port
        self._owners[moved.slot_id] = address
        if address not in self._masters:
            self._masters[address] = Server(self._open_client(address))
        self._refresh_soon()  # it is rarely the only one
        if address != former:
            self._on_moved()

    async def refresh(self) -> None:
        """Ask who has which slots by now.

        Raises:
            RedisError, OSError, TimeoutError: No server answers.
        """
        for client in (*self._present(), self.client):
            try:
                ranges = await client.execute_command("CLUSTER SLOTS")
            except AWAY:
                if client is self.client:
                    raise
            else:
                self._take(ranges, client)
                return

    def pubsub(self) -> PubSub:
        # What PUBLISH says is passed to all; the next time it is another one, if this is away.
        return (*self._present(), self.client)[0].pubsub()

    def pubsub_at(self, address: Address) -> PubSub:
        """A connection of its own, to one of the masters."""
        return self._masters[address].pubsub()

    @property
    def addresses(self) -> frozenset[Address]:
        """Of the masters."""
        return frozenset(self._masters)

    def owner_of(self, tag: str) -> Address | None:
        """The master that has a tag, if there is one."""
        return self._owners[_slot_of(tag)]

    def answers(self, address: Address) -> bool:
        """Whether a master answered when it was looked at last."""
        return address not in self._away

    def watch(self, on_moved: Callable[[], None], on_doubted: Callable[[Address], None]) -> None:
        """Have these called: when slots have other masters than before; when one has failed."""
        self._on_moved = on_moved
        self._on_doubted = on_doubted

    def suspect(self, address: Address) -> None:
        """Use a master no more until it was looked at."""
        if master := self._masters.get(address):
            master.suspect()

    def is_there(self, tag: str) -> bool:
        address = self._owners[_slot_of(tag)]
        return address is not None and address not in self._away

    def is_known(self, tag: str) -> bool:
        # Another than before, or one that has begun anew, may lack what nodes are to bring back.
        address = self._owners[_slot_of(tag)]
        return address is None or self._masters[address].run is not None

    def doubt(self, tag: str, error: Exception) -> None:
        address = self._owners[_slot_of(tag)]
        if address:
            self._masters[address].doubt(tag, error)  # the others may have their answers yet
            self._on_doubted(address)
        self._refresh_soon()

    async def close(self) -> None:
        await end(self._tasks)
        await asyncio.gather(*(master.close() for master in self._masters.values()))
        await self.client.aclose()

    def _present(self) -> list[redis_asyncio.Redis]:
        """Of the masters that answered when they were looked at last, in any order."""
        found = [one.client for address, one in self._masters.items() if address not in self._away]
        return random.sample(found, len(found))

    def _owner(self, tag: str) -> Server:
        address = self._owners[_slot_of(tag)]
        if address is None:
            self._refresh_soon()
            raise ClusterDownError("CLUSTERDOWN nobody has that slot")
        return self._masters[address]

    def _take(self, ranges: Iterable[Any], asked: redis_asyncio.Redis) -> None:
        """Note who has which slots, as one of the servers sees it."""
        own_host = asked.connection_pool.connection_kwargs.get("host", "localhost")
        owners: list[Address | None] = [None] * _SLOTS
        for first, last, (host, port, *_), *_ in ranges:
            address = (host or own_host.encode()).decode(), int(port)
            owners[first : last + 1] = [address] * (last - first + 1)
        have_moved = owners != self._owners
        self._owners = owners
        for address in set(filter(None, owners)) - self._masters.keys():
            self._masters[address] = Server(self._open_client(address))
        for address in self._masters.keys() - set(owners):
            self._tasks.start(self._masters.pop(address).close())
        if have_moved:
            self._on_moved()

    def _refresh_soon(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._tasks.start(self._refresh_or_not())

    async def _refresh_or_not(self) -> None:
        with contextlib.suppress(*AWAY):  # it is tried again
            await self.refresh()


@lru_cache(maxsize=1_024)
def _slot_of(tag: str) -> int:
    return key_slot(tag.encode())
