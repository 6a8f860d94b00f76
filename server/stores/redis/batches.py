"""Commands that go to Redis together: one write, one read, and one wait for a replica."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from redis.exceptions import RedisError

from server.stores.redis.copies import Copies

MAX_RUNNING = 4
"""Batches for one server at the same time, each on a connection of its own."""

MAX_COMMANDS = 100
"""Of one batch: those behind it should not wait for long."""


WAIT_LIMIT_S = 2.0
"""For a command's turn to be sent."""

_TICKS = 8
"""In which that is counted: time in which the process stood still is one of them."""


class NoTurnError(TimeoutError):
    """A command was not sent, since there was no turn for it. Redis is slow, and not away."""


class NotCopiedError(Exception):
    """A command has run, and no replica has what it has changed."""


class _Call(Struct, eq=False):
    """A command that waits for its turn, or for its answer; `asked_at` that tick."""

    command: Sequence[Any]
    is_kept: bool
    answer: "asyncio.Future[Any]"
    asked_at: int


class Batches:
    """Puts together what is asked for within one turn of the event loop, or meanwhile.

    The client library's way of one command takes several times as long as one of many in a
    pipeline does. Each command is run once, or, where the connection is lost, at most once.

    Args:
        open_pipeline: Makes a pipeline of the client's, without a transaction.

    Attributes:
        has_replica: What is to be kept is answered only when a replica has it.
    """

    def __init__(self, open_pipeline: Callable[[], Any]) -> None:
        self._open_pipeline = open_pipeline
        self._waiting: deque[_Call] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._copies = Copies()
        self.has_replica = False
        self._is_closed = False
        self._tick = 0
        self._ticking: asyncio.TimerHandle | None = None  # while something waits

    def call(self, *command: Any, is_kept: bool = False) -> "asyncio.Future[Any]":
        """The answer to a command, to be.

        Raises:
            RedisError, OSError, TimeoutError: It was refused, or nobody knows what became of it.
            NotCopiedError: It is to be kept, and no replica has it.
            NoTurnError: It was not sent.
        NoTurnError: It was not sent.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        if self._is_closed:
            answer.set_exception(_closed())
            return answer
        if not self._waiting:
            loop.call_soon(self._start)
        self._waiting.append(_Call(command, is_kept, answer, self._tick))
        return answer

    def give_up(self, error: Exception) -> None:
        """Answer all that has not gone to Redis yet with an error."""
        while self._waiting:
            _refuse(self._waiting.popleft(), error)

    async def close(self) -> None:
        """Refuse what has not gone to Redis yet and what comes later; wait for the rest."""
        self._is_closed = True
        self.give_up(_closed())
        if self._ticking:
            self._ticking.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def _start(self) -> None:
        self._refuse_late()
        while self._waiting and len(self._running) < MAX_RUNNING:
            count = min(len(self._waiting), MAX_COMMANDS)
            batch = [self._waiting.popleft() for _ in range(count)]
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._running.add(task)
            task.add_done_callback(self._ended)
        if self._waiting and not self._ticking:
            loop = asyncio.get_running_loop()
            self._ticking = loop.call_later(WAIT_LIMIT_S / _TICKS, self._pass)

    def _pass(self) -> None:
        self._tick += 1
        self._ticking = None
        self._start()

    def _refuse_late(self) -> None:
        """Answer what has waited for too long; it was not sent, and may be asked for again."""
        while self._waiting and self._tick - self._waiting[0].asked_at > _TICKS:
            _refuse(self._waiting.popleft(), NoTurnError("there was no turn for it"))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    async def _run(self, batch: list[_Call]) -> None:
        try:
            answers = await self._send(batch)
        except (RedisError, OSError, TimeoutError) as error:
            for call in batch:
                _refuse(call, error)
            return
        except RuntimeError as error:  # uvloop's word for a connection that has just closed
            for call in batch:
                _refuse(call, ConnectionError(str(error)))
            return
        except BaseException as error:
            for call in batch:
                _refuse(call, error)
            raise
        for call, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                _refuse(call, answer)
            elif not call.answer.done():
                call.answer.set_result(answer)

    async def _send(self, batch: list[_Call]) -> list[Any]:
        pipeline = self._open_pipeline()
        for call in batch:
            pipeline.execute_command(*call.command)
        is_copied = self.has_replica and any(call.is_kept for call in batch)
        if is_copied:
            pipeline.execute_command("WAIT", 1, self._copies.limit_ms)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        if not is_copied:
            return answers
        copies = answers.pop()
        if isinstance(copies, int) and self._copies.are_enough(copies, time.monotonic()):
            return answers
        lost = NotCopiedError()
        return [
            lost if call.is_kept and not isinstance(answer, Exception) else answer
            for call, answer in zip(batch, answers, strict=True)
        ]


def _closed() -> Exception:
    return ConnectionError("closed")


def _refuse(call: _Call, error: BaseException) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)
