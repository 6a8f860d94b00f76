"""Somebody who goes on talking whatever fails, over one line after the other."""

import asyncio
import itertools
import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from tests.talk.line import Line
from tests.talk.wires import Address, WireError
from tests.talk.words import NotSentError

ANSWER_LIMIT_S = 8.0
"""Without an answer for so long a line is given up; servers promise one earlier."""

AGAIN_S = (0.1, 0.4)
"""Until a message that was refused is sent again."""

COME_BACK_S = (0.05, 0.3)
"""Until somebody whose line has ended is at the next node."""

Addresses = Callable[[], list[Address]]
"""Gives the addresses of all nodes, running or not."""


class LostError(Exception):
    """The line is of no more use; the next one may be."""


class Speaker(ABC):
    """One client, over all its lines.

    It sends one message at a time: what was refused, or not answered, is sent again under
    the same id before the next one. When its line ends it goes to the next node.

    Args:
        number: Of all speakers; every fourth polls.
        pace_s: Between two messages.

    Attributes:
        acknowledged: Messages of its own.
        is_silent: It says nothing new.
        is_there: It is in its room, as far as it knows.
    """

    hello = b"0"
    """What begins a line."""

    def __init__(
        self, addresses: Addresses, name: str, number: int, done: Counter[str], pace_s: float
    ) -> None:
        self._addresses = addresses
        self.name = name
        self.number = number
        self._done = done
        self._pace_s = pace_s
        self._next_node = number
        self._is_polling = number % 4 == 3
        self._line: Line | None = None
        self._ended = asyncio.Event()
        self._why = ""
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._sending: int | None = None
        self.acknowledged = 0
        self.is_silent = False
        self.is_there = False

    @property
    def is_done(self) -> bool:
        """It has nothing more to say, and all it said was acknowledged."""
        return self.is_silent and self.is_there and self._sending is None

    @property
    def state(self) -> str:
        """How it stands, in words."""
        place = "there" if self.is_there else "away"
        waits = f", waits for the answer to {self._sending}" if self._sending else ""
        why = f"; its line ended last by: {self._why}" if self._why else ""
        return (
            f"{self.name}: {place}, knows {self.last}, had {self.acknowledged} answers{waits}{why}"
        )

    async def run(self) -> None:
        """Talk until cancelled."""
        try:
            while True:
                try:
                    await self._come()
                    while True:
                        await self._turn()
                except (LostError, WireError, OSError, TimeoutError) as error:
                    self._done[f"lines lost: {error or type(error).__name__}"] += 1
                self._let_go()
                await asyncio.sleep(random.uniform(*COME_BACK_S))
        finally:
            self._let_go()

    # --- what rooms of each kind have of their own ---

    @property
    @abstractmethod
    def last(self) -> int:
        """The newest place in the room's sequence that it knows of."""

    @abstractmethod
    async def _enter(self) -> None:
        """Come into the room, or back.

        Raises:
            LostError: It was not let in.
        """

    @abstractmethod
    def _must_enter(self) -> bool:
        """Whether it is out of its room, on a line that holds."""

    @abstractmethod
    def _next_number(self) -> int: ...

    @abstractmethod
    def _message(self, number: int) -> tuple[str, dict[str, Any]]:
        """The request that sends a message, and the event it goes by."""

    @abstractmethod
    async def _refused(self, answer: dict[str, Any]) -> None:
        """A message was."""

    @abstractmethod
    def _answered(self, event: str, answer: dict[str, Any]) -> None:
        """Take an answer that is not a refusal, at once: what follows may be in the same bytes."""

    def _declined(self, event: str) -> None:  # noqa: B027 - most take no note of it
        """Take note of a refusal, at once."""

    @abstractmethod
    def _take_event(self, event: str, data: Any, *offset: str) -> None: ...

    @abstractmethod
    def _fault(self, words: str) -> None: ...

    # --- coming and going ---

    async def _come(self) -> None:
        addresses = self._addresses()
        address = addresses[self._next_node % len(addresses)]
        self._next_node += 1
        self._ended.clear()
        self._line = Line(address, self._hear, self._end)
        async with asyncio.timeout(ANSWER_LIMIT_S):
            if self._is_polling:
                await self._line.open_polling()
            else:
                await self._line.open_websocket()
        self._line.send(self.hello)
        await self._enter()

    def _let_go(self) -> None:
        self.is_there = False
        if self._line:
            self._line.drop()
        self._line = None
        for _, answered in self._asked.values():
            answered.cancel()
        self._asked.clear()

    def _end(self, why: str) -> None:
        self._why = why
        self._ended.set()
        for _, answered in self._asked.values():
            if not answered.done():
                answered.set_exception(LostError(why))

    def _start_anew(self) -> None:
        """As our own client does at `resync`: what it is told on a new line is surely in order."""
        assert self._line
        self._line.drop()
        self._end("told to resync")

    # --- speaking ---

    async def _turn(self) -> None:
        """Say what is next to be said, or wait for the time to say more."""
        if self._must_enter():
            await self._enter()
        if self._sending is None and not self.is_silent:
            self._sending = self._next_number()
        pause_s = self._pace_s * random.uniform(0.5, 1.5)
        if self._sending is not None:
            self._done["sent"] += 1
            answer = await self._ask(*self._message(self._sending))
            if not answer["success"]:
                self._count_refusal("messages", answer)
                await self._refused(answer)
                pause_s = random.uniform(*AGAIN_S)
        try:
            await asyncio.wait_for(self._ended.wait(), pause_s)
        except TimeoutError:
            return
        raise LostError(self._why)

    def _count_refusal(self, what: str, answer: dict[str, Any]) -> None:
        self._done[f"{what} refused: {answer['error']}"] += 1

    async def _ask(self, event: str, request: dict[str, Any]) -> dict[str, Any]:
        if self._line is None or self._ended.is_set():
            raise LostError(self._why)
        number = next(self._numbers)
        answered = asyncio.get_running_loop().create_future()
        self._asked[number] = event, answered
        self._line.send(f"2{number}{json.dumps([event, request])}".encode())
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                found: dict[str, Any] = await answered
                return found
        except TimeoutError:
            raise LostError("no answer") from None
        finally:
            self._asked.pop(number, None)

    # --- hearing ---

    def _hear(self, text: bytes) -> None:
        try:
            self._take(text)
        except (NotSentError, ValueError, msgspec.DecodeError) as error:
            self._fault(f"{self.name} heard what cannot be: {error!r} {text[:80]!r}")

    def _take(self, text: bytes) -> None:
        if text.startswith(b"3"):
            self._take_answer(text)
        elif text.startswith(b"2"):
            event, *data = json.loads(text[1:])
            self._take_event(event, *data)
        elif not text.startswith(b"0"):
            raise NotSentError("a packet that was not to come")

    def _take_answer(self, text: bytes) -> None:
        start = text.index(b"[")
        event, answered = self._asked.get(int(text[1:start]), ("", None))
        (answer,) = json.loads(text[start:])
        if answered is None or answered.done():
            raise NotSentError("an answer to nothing")
        if answer["success"]:
            self._answered(event, answer)
        else:
            self._declined(event)
        answered.set_result(answer)
