"""What Redis is made of: one server, or the masters of a Cluster with a queue for each."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Protocol

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError, RedisError

from server.stores.redis.batches import Batches

log = logging.getLogger("hushwire.redis")

Address = tuple[str, int]

AWAY = (RedisError, OSError, TimeoutError)
"""What is raised when a server does not answer."""

_SLOTS = 16_384

_MOVES = 3
"""So often a command follows a slot that has moved."""


class Servers(Protocol):
    """Where commands go.

    Attributes:
        are_one: What fails for one command fails for all.
    """

    are_one: bool

    @property
    def client(self) -> redis_asyncio.Redis:
        """Of some server."""
        ...

    @property
    def clients(self) -> tuple[redis_asyncio.Redis, ...]:
        """Of all that have keys of their own."""
        ...

    def call(self, tag: str, *command: Any, is_kept: bool) -> Awaitable[Any]:
        """The answer of the server that has a tag; see `Batches.call`."""
        ...

    async def look(self) -> str:
        """Which runs of which servers these are; also sees whether they have replicas.

        Raises:
            RedisError, OSError, TimeoutError: There is no answer.
        """
        ...

    def pubsub(self) -> PubSub:
        """A connection of its own, to some server."""
        ...

    def is_known(self, tag: str) -> bool:
        """Whether the server that has a tag was looked at since it last failed, or came."""
        ...

    def doubt(self, tag: str, error: Exception) -> None:
        """Note that the server that has a tag has failed; what waits for it is answered so."""
        ...

    async def close(self) -> None: ...


class Server:
    """One server, or whichever the Sentinels call the master.

    Attributes:
        failures: How often it has failed.
        run: Which run of it was seen last; None if it has failed since.
    """

    are_one = True

    def __init__(self, client: redis_asyncio.Redis) -> None:
        self.client = client
        self.failures = 0
        self.run: str | None = None
        self._batches = Batches(lambda: client.pipeline(transaction=False))

    @property
    def clients(self) -> tuple[redis_asyncio.Redis, ...]:
        return (self.client,)

    def call(self, tag: str, *command: Any, is_kept: bool) -> Awaitable[Any]:
        return self._batches.call(*command, is_kept=is_kept)

    async def look(self) -> str:
        known = await self.client.info("server") | await self.client.info("replication")
        self._batches.has_replica = _has_replica(known)
        return str(known["run_id"])

    def pubsub(self) -> PubSub:
        return self.client.pubsub()

    def is_known(self, tag: str) -> bool:
        return True  # who probes closes all of Redis if it fails

    def doubt(self, tag: str, error: Exception) -> None:
        self.failures += 1
        self.run = None
        self._batches.give_up(error)

    async def close(self) -> None:
        await self._batches.close()
        await self.client.aclose()


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
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._away: set[Address] = set()
        self._on_moved: Callable[[], None] = lambda: None
        self._on_doubted: Callable[[Address], None] = lambda _: None
        self._runs: dict[Address, str] = {}  # of masters, as they were seen last

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

    async def look(self) -> str:
        masters = tuple(self._masters.items())
        failures = [master.failures for _, master in masters]
        found = await asyncio.gather(*(one.look() for _, one in masters), return_exceptions=True)
        self._away.clear()
        for (address, master), count, run in zip(masters, failures, found, strict=True):
            if not isinstance(run, str):  # with one of them away the others go on
                self._away.add(address)
                self._refresh_soon()
            elif master.failures == count:
                self._runs[address] = master.run = run
        self._runs = {one: run for one, run in self._runs.items() if one in self._masters}
        return " ".join(sorted(self._runs.values()))

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
            master.failures += 1
            master.run = None

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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
            self._start(self._masters.pop(address).close())
        if have_moved:
            self._on_moved()

    def _refresh_soon(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._start(self._refresh_or_not())

    async def _refresh_or_not(self) -> None:
        with contextlib.suppress(*AWAY):  # it is tried again
            await self.refresh()

    def _start(self, doing: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _has_replica(known: Mapping[str, Any]) -> bool:
    """Whether a replica keeps up; one that is still being sent all there is has nothing yet."""
    count = int(known.get("connected_slaves", 0))
    replicas = (known.get(f"slave{number}") for number in range(count))
    return any(isinstance(one, dict) and one.get("state") == "online" for one in replicas)


@lru_cache(maxsize=1_024)
def _slot_of(tag: str) -> int:
    return key_slot(tag.encode())
