"""One member of a room: speaks the session relay, and has the checker judge all that it hears."""

import asyncio
import json
import random
from collections import Counter, deque
from typing import Any

import msgspec

from tests.talk.checker import COMING_OR_GOING, Ledger, Record
from tests.talk.line import Line
from tests.talk.wires import Address
from tests.talk.words import Message, NotSentError, Placed, record_of, send_request

WEBSOCKET, POLLING, UPGRADED = "WebSocket", "polling", "upgraded"

_NEW_MESSAGE = b'2["new-message",'
_MESSAGE_SENT = b'2["message-sent",'
_COMING_OR_GOING = (b'2["user-joined",', b'2["user-left",')
_OF_NO_PLACE = (b'2["public-keys-updated",', b'2["messages-history",')


_message = msgspec.json.Decoder(Message).decode
_placed = msgspec.json.Decoder(Placed).decode


class Sent(msgspec.Struct):
    """A message that was not answered yet."""

    number: int
    text: bytes
    is_repeat: bool = False


class Member:
    """One member.

    Attributes:
        is_away: It has no line, or has left.
        was_ended: Why the server ended its line, which it never should; None if it did not.
    """

    def __init__(
        self, address: Address, room: str, number: int, ledger: Ledger, done: Counter[str]
    ) -> None:
        self._address = address
        self._room = room
        self.name = f"m{number}"
        self._ledger = ledger
        self._witness = ledger.witness(self.name)
        self._done = done
        self._kind = ""
        self._token: str | None = None
        self._line: Line | None = None
        self._moving: asyncio.Task[None] | None = None
        self._sent = 0
        self._unanswered: deque[Sent] = deque()  # oldest first
        self._asked: asyncio.Future[Any] | None = None
        self._all_answered = asyncio.Event()
        self._all_answered.set()
        self._is_joining = False
        self.is_away = True
        self.was_ended: str | None = None

    # --- coming and going ---

    async def come(self, kind: str) -> None:
        """Join, on a new line of this kind if there is none; then send again what got lost."""
        if self._line is None:
            self._kind = kind
            self._line = Line(self._address, self._hear, self._end)
            opening = self._line.open_websocket if kind == WEBSOCKET else self._line.open_polling
            await opening()
            self._done[f"lines opened: {kind}"] += 1
            self._line.send(b'0{"recover":false}')  # it comes back by `since`
        request = {"sessionId": self._room, "userId": self.name, "isCreator": True}
        if self._witness.last:
            request |= {"since": self._witness.last}
        if self._token:
            request |= {"memberToken": self._token}
        self._is_joining = True
        await self._ask("join-session", request)
        self._repeat()

    def _joined(self, ack: dict[str, Any]) -> None:
        is_new = ack["memberToken"] != self._token
        if self._witness.last:
            self._done["came back " + ("as a newcomer" if is_new else "with a member token")] += 1
        if ack["truncated"]:
            self._ledger.fault(f"{self.name} found the history shortened")
        if is_new == (self._token is not None):
            self._ledger.fault(f"{self.name} came back, and its member token was not taken")
        self._token = ack["memberToken"]
        messages = [msgspec.convert(message, Message) for message in ack["messages"]]
        self._witness.join(
            ack["seq"], [(one.seq, record_of(one)) for one in messages], is_new=is_new
        )
        self.is_away = False

    def _repeat(self) -> None:
        """Send again what was not answered: the same ids, so that nothing is there twice."""
        for sent in self._unanswered:
            sent.is_repeat = True
        if self._line and self._unanswered:
            self._done["messages sent again"] += len(self._unanswered)
            self._line.send(*(sent.text for sent in self._unanswered))

    def drop(self) -> None:
        """Be gone without a word."""
        self._done[f"lines dropped: {self._kind}"] += 1
        self._let_go()

    def _let_go(self) -> None:
        self.is_away = True
        if self._moving:
            self._moving.cancel()
        if self._line:
            self._line.drop()
        self._line = self._moving = None

    async def leave(self) -> None:
        """Leave the room, and keep the line."""
        await self.answered()
        await self._ask("leave-session", {"sessionId": self._room})
        self._done["left"] += 1
        self.is_away = True
        self._token = None

    @property
    def can_move(self) -> bool:
        return bool(
            self._line and self._line.is_polling and self._kind == UPGRADED and self._moving is None
        )

    def move(self) -> None:
        """Begin to go over to a WebSocket, and meanwhile send and hear on."""
        assert self._line
        self._moving = asyncio.create_task(self._line.move())
        self._done["upgrades"] += 1

    async def settle(self) -> None:
        """Have all done that was begun, and heard all that was sent before."""
        if self._moving:
            await self._moving
        await self.answered()
        await self._ask("get-public-keys", {"sessionId": self._room})

    def close(self) -> None:
        self._let_go()

    # --- speaking ---

    def say(self, count: int, chance: random.Random, others: list[str]) -> None:
        """Send the next messages at once, a few of them to one member only."""
        texts = []
        for _ in range(count):
            self._sent += 1
            to = chance.choice(others) if chance.random() < 0.03 else "all"
            texts.append(self._text(self._sent, to))
            self._unanswered.append(Sent(self._sent, texts[-1]))
        self._all_answered.clear()
        if self._line:
            self._line.send(*texts)

    async def answered(self) -> None:
        """Wait until the server has answered all messages."""
        await self._all_answered.wait()

    def _text(self, number: int, to: str) -> bytes:
        request = send_request(self._room, self.name, number, to)
        return b"2%d%b" % (number, msgspec.json.encode(["send-message", request]))

    async def _ask(self, event: str, request: dict[str, Any]) -> dict[str, Any]:
        assert self._line
        self._asked = asyncio.get_running_loop().create_future()
        self._line.send(f"20{json.dumps([event, request])}".encode())
        answer: dict[str, Any] = await self._asked
        if not answer["success"]:
            raise NotSentError(f"{self.name} asked for {event} and got {answer}")
        return answer

    # --- hearing ---

    def _hear(self, text: bytes) -> None:
        try:
            self._take(text)
        except (NotSentError, ValueError, msgspec.DecodeError) as error:
            self._ledger.fault(f"{self.name} heard what cannot be: {error!r} {text[:80]!r}")

    def _take(self, text: bytes) -> None:
        if text.startswith(_NEW_MESSAGE):
            message = _message(text[len(_NEW_MESSAGE) : -1])
            self._witness.hear(message.seq, record_of(message))
        elif text.startswith(_MESSAGE_SENT):
            self._take_echo(_message(text[len(_MESSAGE_SENT) : -1]))
        elif text.startswith(b"3"):
            self._take_answer(text)
        elif text.startswith(_COMING_OR_GOING):
            placed = _placed(text[text.index(b",") + 1 : -1])
            self._witness.hear(placed.seq, Record(COMING_OR_GOING))
        elif not text.startswith((b"0", *_OF_NO_PLACE)):
            raise NotSentError("an event that was not to come")

    def _take_echo(self, message: Message) -> None:
        record = record_of(message)
        sent = self._unanswered[0] if self._unanswered else None
        if sent is None or sent.number != record.number or record.sender != self.name:
            raise NotSentError("not the oldest message that waits for an answer")
        if sent.is_repeat:
            self._witness.repeat(message.seq, record)
        else:
            self._witness.hear(message.seq, record)

    def _take_answer(self, text: bytes) -> None:
        number = int(text[1 : text.index(b"[")])
        answer = json.loads(text[text.index(b"[") :])[0]
        if number == 0:
            assert self._asked
            if self._is_joining and answer["success"]:
                # At once: what follows it may be in the same bytes.
                self._is_joining = False
                self._joined(answer)
            self._asked.set_result(answer)
            return
        if not self._unanswered or self._unanswered[0].number != number or not answer["success"]:
            raise NotSentError("not the answer to the oldest message")
        self._unanswered.popleft()
        self._ledger.sent(self.name, number)
        if not self._unanswered:
            self._all_answered.set()

    def _end(self, why: str) -> None:
        self.was_ended = why
