"""One member that goes on talking whatever fails, and has a checker judge all that it hears."""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from server.core.ids import new_secret
from tests.talk.checker import COMING_OR_GOING, Ledger, Record
from tests.talk.line import Line
from tests.talk.wires import Address, WireError
from tests.talk.words import Message, NotSentError, record_of, send_request

ANSWER_LIMIT_S = 8.0
"""Without an answer for so long a line is given up; servers promise one earlier."""

AGAIN_S = (0.1, 0.4)
"""Until a message that was refused is sent again."""

COME_BACK_S = (0.05, 0.3)
"""Until a member whose line has ended is at the next node."""

_COMING_OR_GOING = ("user-joined", "user-left")
_OF_NO_PLACE = ("public-keys-updated", "messages-history", "message-sent", "session-error")


class LostError(Exception):
    """The line is of no more use; the next one may be."""


class Talker:
    """One member of a room, over all its lines.

    It sends one message at a time: what was refused, or not answered, is sent again under
    the same id before the next one. When its line ends it goes to the next node, and comes
    back with its token and the newest place that it knows.

    Args:
        addresses: Gives the addresses of all nodes, running or not.
        pace_s: Between two messages.

    Attributes:
        acknowledged: Messages of its own.
        is_silent: It says nothing new.
        is_there: It is in the room, as far as it knows.
    """

    def __init__(
        self,
        addresses: Callable[[], list[Address]],
        room: str,
        number: int,
        ledger: Ledger,
        done: Counter[str],
        pace_s: float,
    ) -> None:
        self._addresses = addresses
        self._room = room
        self.name = f"m{number}"
        self._ledger = ledger
        self._witness = ledger.witness(self.name)
        self._done = done
        self._pace_s = pace_s
        self._next_node = number
        self._token = new_secret()
        self._is_polling = number % 4 == 3
        self._line: Line | None = None
        self._ended = asyncio.Event()
        self._why = ""
        self._is_stale = False
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
    def last(self) -> int:
        """The newest place in the room's sequence that it knows of."""
        return self._witness.last

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
        self._line.send(b"0")
        await self._join()

    async def _join(self) -> None:
        self._is_stale = False
        request = {
            "sessionId": self._room,
            "userId": self.name,
            "isCreator": True,
            "newMemberToken": self._token,
        }
        if self._witness.last:
            request["since"] = self._witness.last
        answer = await self._ask("join-session", request)
        if not answer["success"]:
            self._count_refusal("joins", answer)
            raise LostError(f"not let in: {answer['error']}")

    def _joined(self, answer: dict[str, Any]) -> None:
        if answer["memberToken"] != self._token:
            self._ledger.fault(f"{self.name} came back, and its token was not taken")
        if answer["truncated"]:
            self._ledger.fault(f"{self.name} found the history shortened")
        is_new = not self._witness.last
        self._done["joined" if is_new else "came back"] += 1
        messages = [msgspec.convert(message, Message) for message in answer["messages"]]
        self._witness.join(
            answer["seq"], [(one.seq, record_of(one)) for one in messages], is_new=is_new
        )
        self.is_there = True

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

    # --- speaking ---

    async def _turn(self) -> None:
        """Say what is next to be said, or wait for the time to say more."""
        if self._is_stale:
            await self._join()
        if self._sending is None and not self.is_silent:
            self._sending = self.acknowledged + 1
        pause_s = self._pace_s * random.uniform(0.5, 1.5)
        if self._sending is not None:
            self._done["sent"] += 1
            answer = await self._ask(
                "send-message", send_request(self._room, self.name, self._sending)
            )
            if not answer["success"]:
                self._refused(answer)
                pause_s = random.uniform(*AGAIN_S)
        try:
            await asyncio.wait_for(self._ended.wait(), pause_s)
        except TimeoutError:
            return
        raise LostError(self._why)

    def _refused(self, answer: dict[str, Any]) -> None:
        self._count_refusal("messages", answer)
        if answer["error"] == "not_a_member":
            self._is_stale = True
        elif answer["error"] != "unavailable":
            self._ledger.fault(f"{self.name} was refused for no reason: {answer}")

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
            self._ledger.fault(f"{self.name} heard what cannot be: {error!r} {text[:80]!r}")

    def _take(self, text: bytes) -> None:
        if text.startswith(b"3"):
            self._take_answer(text)
        elif text.startswith(b"2"):
            event, *data = json.loads(text[1:])
            self._take_event(event, *data)
        elif not text.startswith(b"0"):
            raise NotSentError("a packet that was not to come")

    def _take_event(self, event: str, data: Any, *_offset: str) -> None:
        if event == "new-message":
            message = msgspec.convert(data, Message)
            self._witness.hear(message.seq, record_of(message))
        elif event in _COMING_OR_GOING:
            self._done[f"heard {event}"] += 1
            self._witness.hear(data["seq"], Record(COMING_OR_GOING))
        elif event == "resync":
            # As our own client does: what it is told on a new line is surely in order.
            assert self._line
            self._line.drop()
            self._end("told to resync")
        elif event not in _OF_NO_PLACE:
            raise NotSentError("an event that was not to come")

    def _take_answer(self, text: bytes) -> None:
        start = text.index(b"[")
        event, answered = self._asked.get(int(text[1:start]), ("", None))
        (answer,) = json.loads(text[start:])
        if answered is None or answered.done():
            raise NotSentError("an answer to nothing")
        # At once: what follows may be in the same bytes.
        if answer["success"] and event == "join-session":
            self._joined(answer)
        elif answer["success"]:
            self._acknowledged(msgspec.convert(answer, Message))
        answered.set_result(answer)

    def _acknowledged(self, message: Message) -> None:
        record = record_of(message)
        if record != Record(self.name, self._sending or 0):
            raise NotSentError("an answer to another message")
        self._witness.repeat(message.seq, record)
        self.acknowledged = record.number
        self._sending = None
        self._ledger.sent(self.name, record.number)
        self._done["acknowledged"] += 1
