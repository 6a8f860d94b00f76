"""Where commands go: to one server of Redis, or to several."""

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from server.stores.redis.batches import Batches

AWAY = (RedisError, OSError, TimeoutError)
"""What is raised when a server does not answer."""

Runs = Mapping[str, str | None]
"""Of each server the run of it that answers, or None if it does not."""


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

    async def look(self) -> Runs:
        """Which runs of which servers these are; also sees whether they have replicas.

        Raises:
            RedisError, OSError, TimeoutError: There is no answer.
        """
        ...

    def pubsub(self) -> PubSub:
        """A connection of its own, to some server."""
        ...

    def is_there(self, tag: str) -> bool:
        """Whether a server has a tag that answered when it was looked at last."""
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

    async def look(self) -> Runs:
        return {"": await self.run_id()}

    async def run_id(self) -> str:
        known = await self.client.info("server") | await self.client.info("replication")
        self._batches.has_replica = _has_replica(known)
        return str(known["run_id"])

    def pubsub(self) -> PubSub:
        return self.client.pubsub()

    def is_there(self, tag: str) -> bool:
        return True  # else nothing is

    def is_known(self, tag: str) -> bool:
        return True  # who probes closes all of Redis if it fails

    def doubt(self, tag: str, error: Exception) -> None:
        self.suspect()
        self._batches.give_up(error)

    def suspect(self) -> None:
        """Take it for unknown until it was looked at."""
        self.failures += 1
        self.run = None

    async def close(self) -> None:
        await self._batches.close()
        await self.client.aclose()


def _has_replica(known: Mapping[str, Any]) -> bool:
    """Whether a replica keeps up; one that is still being sent all there is has nothing yet."""
    count = int(known.get("connected_slaves", 0))
    replicas = (known.get(f"slave{number}") for number in range(count))
    return any(isinstance(one, dict) and one.get("state") == "online" for one in replicas)
