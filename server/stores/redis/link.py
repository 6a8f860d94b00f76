"""The connection to Redis: runs scripts, and says `unavailable` whatever goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis_asyncio
from redis.exceptions import NoScriptError, RedisError, ResponseError

from server.core.errors import AppError, Code
from server.stores.redis.scripts import Script, source

Value = str | bytes | int | float

Call = tuple[str, *tuple[Value, ...]]
"""A tag, and what a script is given under it."""

MAX_UNDERWAY = 64
"""Commands of one process at a time; the others wait for their turn."""

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
        client: As `connect` makes it.
        publish: `SPUBLISH` where Redis has it, else `PUBLISH`.
        timeout_s: For the turn of one command, when there are too many.
    """

    def __init__(
        self,
        client: "redis_asyncio.Redis | redis_asyncio.RedisCluster",
        publish: str,
        timeout_s: float,
    ) -> None:
        self.client = client
        self.publish = publish
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(MAX_UNDERWAY)

    async def run(self, script: Script, tag: str, *arguments: Value) -> Any:
        """Run a script on the server that has a tag.

        Raises:
            RefusedError: It has refused.
            AppError: UNAVAILABLE. The script may have run, or may do so yet.
        """
        known = source(script, self.publish)
        try:
            async with self._turn():
                try:
                    return await self.client.evalsha(known.sha1, 1, tag, *arguments)
                except NoScriptError:
                    return await self.client.eval(known.text, 1, tag, *arguments)
        except ResponseError as error:
            if refusal := _refusal(error):
                raise refusal from None
            raise unavailable() from error
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable() from error

    async def run_many(self, script: Script, calls: Sequence[Call]) -> list[Any]:
        """Run a script under several tags, in one go.

        Raises:
            AppError: UNAVAILABLE. The script may have run under each of them.
        """
        known = source(script, self.publish)
        pipeline = self.client.pipeline(transaction=False)
        for tag, *arguments in calls:
            # Its `evalsha` is closed on a Cluster, where a pipeline sees to several servers.
            pipeline.execute_command("EVALSHA", known.sha1, 1, tag, *arguments)
        try:
            async with self._turn():
                answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            raise unavailable() from error
        for number, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[number] = await self.run(script, *calls[number])
            elif isinstance(answer, Exception):
                raise unavailable() from answer
        return answers

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        # Handlers begin outside of any task, and the client needs one for its time limits.
        await asyncio.sleep(0)
        if self._turns.locked():
            async with asyncio.timeout(self._timeout_s):
                await self._turns.acquire()
        else:
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def close(self) -> None:
        await self.client.aclose()


def unavailable() -> AppError:
    """What a client is told while Redis is away: it may well try again, with the same id."""
    return AppError(Code.UNAVAILABLE, "the relay's store is away; try again in a moment", 1_000)


def _refusal(error: ResponseError) -> RefusedError | None:
    text = str(error)
    return RefusedError(*text.removeprefix(_REFUSAL).split()) if text.startswith(_REFUSAL) else None
