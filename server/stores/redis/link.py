"""The connection to Redis: runs scripts, and says `unavailable` whatever goes wrong on the way."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub
from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from server.core.errors import AppError, Code
from server.stores.redis.batches import NotCopiedError, NoTurnError
from server.stores.redis.cluster import Address, Cluster
from server.stores.redis.keys import NODES
from server.stores.redis.scripts import Script, source
from server.stores.redis.servers import Runs, Servers

log = logging.getLogger("hushwire.redis")

Value = str | bytes | int | float

Call = tuple[str, *tuple[Value, ...]]
"""A tag, and what a script is given under it."""

_NOT_THERE = (AskError, TryAgainError, ClusterDownError)
"""A slot of a Cluster that is on its way from one server to another, or that nobody has: a script
would find half of what it is to change, so nobody follows it until it has arrived."""

_is_probing: ContextVar[bool] = ContextVar("is_probing", default=False)

_REFUSAL = "HW "
"""What the errors begin with that our own scripts answer."""


class RefusedError(Exception):
    """A script has refused; nothing was changed.

    Attributes:
        word: Which of the refusals that the script knows; and what it says of it.
    """

    def __init__(self, word: str, *details: str) -> None:
        super().__init__(word, *details)
        self.word = word
        self.details = details


class Link:
    """One installation's Redis.

    Args:
        servers: As `connect` opens them.
        publish: `SPUBLISH` where Redis has it, else `PUBLISH`.

    Attributes:
        is_up: Redis answers. While it does not, all is refused at once; who probes sets it.
        doubts: How often it was doubted; who probes may find nothing of what came meanwhile.
    """

    def __init__(
        self,
        servers: Servers,
        publish: str,
    ) -> None:
        self._servers = servers
        self.publish = publish
        self.is_up = True
        self.doubts = 0
        self._alarm = asyncio.Event()

    @property
    def client(self) -> redis_asyncio.Redis:
        """Of the server, or of some server of a Cluster."""
        return self._servers.client

    @property
    def clients(self) -> tuple[redis_asyncio.Redis, ...]:
        """Of the server, or of all masters of a Cluster."""
        return self._servers.clients

    @contextlib.contextmanager
    def probing(self) -> Iterator[None]:
        """Run scripts all the same while Redis is thought to be away, or not to be fit yet."""
        token = _is_probing.set(True)
        try:
            yield
        finally:
            _is_probing.reset(token)

    async def run(self, script: Script, tag: str, *arguments: Value) -> Any:
        """Run a script on the server that has a tag.

        Raises:
            RefusedError: It has refused.
            AppError: UNAVAILABLE. The script may have run, or may do so yet.
        """
        if not _is_probing.get():
            self._check_fitness(tag)
        known = source(script, self.publish)
        call = functools.partial(self._servers.call, tag, is_kept=script.is_kept)
        try:
            try:
                return await call("EVALSHA", known.sha1, 1, tag, *arguments)
            except NoScriptError:
                return await call("EVAL", known.text, 1, tag, *arguments)
        except _NOT_THERE as error:
            self._alarm.set()
            raise unavailable() from error
        except ResponseError as error:
            if refusal := _refusal(error):
                raise refusal from None
            log.exception("redis_error")
            raise unavailable() from error
        except (NotCopiedError, NoTurnError):
            raise unavailable() from None
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(tag, error)
            raise unavailable() from error

    def _check_fitness(self, tag: str) -> None:
        if not self._servers.is_known(tag):
            self._alarm.set()
            raise unavailable()
        if not self.is_up:
            raise unavailable()

    async def run_many(self, script: Script, calls: Sequence[Call]) -> list[Any]:
        """Run a script under several tags, in one go.

        Raises:
            RefusedError: It has refused under one of them.
            AppError: UNAVAILABLE. The script may have run under each of them.
        """
        await asyncio.sleep(0)  # handlers begin outside of any task, and it takes one to gather
        running = [asyncio.ensure_future(self.run(script, *call)) for call in calls]
        try:
            return list(await asyncio.gather(*running))
        finally:
            await asyncio.gather(*running, return_exceptions=True)

    @property
    def cluster(self) -> Cluster | None:
        """The Cluster, if it is one."""
        return self._servers if isinstance(self._servers, Cluster) else None

    def pubsub(self) -> PubSub:
        """A connection of its own, to hear what is published."""
        return self._servers.pubsub()

    def is_there(self, tag: str) -> bool:
        """Whether what has a tag answered when it was looked at last."""
        return self._servers.is_there(tag)

    async def look(self) -> Runs:
        """Which run of which server each is, of which another one may know less.

        It also sees whether there are replicas.

        Raises:
            AppError: UNAVAILABLE.
        """
        try:
            return await self._servers.look()
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(NODES, error)
            raise unavailable() from error

    async def rest(self, limit_s: float) -> None:
        """Wait for so long, or until something goes wrong."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._alarm.wait()
                # Not more often than that, however much goes wrong.
                await asyncio.sleep(limit_s / 4)
        self._alarm.clear()

    def doubt(self) -> None:
        """Use Redis no more until it is known that it is the same as before, which is soon."""
        self.is_up = False
        self.doubts += 1
        self._alarm.set()

    def doubt_master(self, address: Address) -> None:
        """Do the same with one master of a Cluster."""
        assert self.cluster
        self.cluster.suspect(address)
        self._alarm.set()

    def _failed(self, tag: str, error: Exception) -> None:
        self._alarm.set()
        # Whoever comes next need not wait as long for the same answer; nor may a server be
        # used again before it is known whether it still has what it had.
        if self._servers.are_one:
            self.doubt()
        self._servers.doubt(tag, error)

    async def close(self) -> None:
        await self._servers.close()


def unavailable() -> AppError:
    """What a client is told while Redis is away: it may well try again, with the same id."""
    return AppError(Code.UNAVAILABLE, "the relay's store is away; try again in a moment", 1_000)


def _refusal(error: ResponseError) -> RefusedError | None:
    text = str(error)
    return RefusedError(*text.removeprefix(_REFUSAL).split()) if text.startswith(_REFUSAL) else None
