"""A small API with a raw WebSocket: letters in rooms, kept until each device has them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.core.ports import BacklogPage
from server.core.user_events import DeviceRevoked, Mail, UserEvent
from server.transports.api import NOTHING, Api, Caller, Frame, RawSocket, Words


class Letter(Mail, frozen=True, kw_only=True):
    sender: UserId
    text: str


class Whisper(UserEvent, frozen=True, kw_only=True):
    """Something of the moment."""

    text: str


class Post(Struct, frozen=True):
    room: str
    text: str


class Take(Struct, frozen=True):
    room: str
    seq: int


class Say(Struct, frozen=True):
    to: tuple[UserId, ...]
    text: str


class Wait(Struct, frozen=True):
    n: int


class Nothing(Struct, frozen=True):
    """No fields."""


class Office:
    """Keeps letters; the same for all nodes of a test.

    Attributes:
        members: Of rooms.
        reads: How often a backlog was read.
        gate: Where `wait` and reads wait, while it is closed.
        is_away: Reads are refused.
        page: Letters in a page.
    """

    def __init__(self) -> None:
        self.members: dict[str, tuple[UserId, ...]] = {}
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_away = False
        self.page = 3
        self._rooms: dict[str, list[Letter]] = {}
        self._taken: dict[tuple[UserId, DeviceId | None, str], int] = {}

    def keep(self, room: str, sender: str, text: str, skip: Any = None) -> Letter:
        """Put a letter into a room, of which nobody hears yet."""
        letters = self._rooms.setdefault(room, [])
        letters.append(
            Letter(
                users=self.members[room],
                skip=skip,
                stream=room,
                seq=len(letters) + 1,
                sender=UserId(sender),
                text=text,
            )
        )
        return letters[-1]

    def take(self, user: UserId, device: DeviceId | None, room: str, seq: int) -> None:
        self._taken[user, device, room] = seq

    async def after(
        self, user_id: UserId, device_id: DeviceId | None, told: Mapping[str, int], limit: int
    ) -> BacklogPage:
        self.reads += 1
        if self.is_away:
            raise AppError(Code.UNAVAILABLE, "the office is closed")
        found = self._waiting(user_id, device_id, dict(told))
        await self.gate.wait()
        return BacklogPage(found[: self.page], is_all=len(found) <= self.page)

    def _waiting(
        self, user_id: UserId, device_id: DeviceId | None, told: dict[str, int]
    ) -> list[Letter]:
        return [
            letter
            for room, letters in self._rooms.items()
            if user_id in self.members[room]
            for letter in letters
            if letter.sender != user_id
            and letter.seq > max(told.get(room, 0), self._taken.get((user_id, device_id, room), 0))
        ]

    def api(self, name: str = "letters", path: str = "/letters") -> Api:
        """The API of this office."""

        async def post(chat: Chat, caller: Caller, request: Post) -> Letter:
            sender = caller.signed_in().user_id
            letter = self.keep(request.room, sender, request.text, caller.connection_id)
            await chat.messages._parts.users.publish(letter)
            return letter

        async def take(chat: Chat, caller: Caller, request: Take) -> None:
            user = caller.signed_in()
            self.take(user.user_id, user.device_id, request.room, request.seq)

        async def say(chat: Chat, caller: Caller, request: Say) -> None:
            whisper = Whisper(users=request.to, text=request.text, skip=caller.connection_id)
            await chat.messages._parts.users.publish(whisper)

        async def wait(chat: Chat, caller: Caller, request: Wait) -> None:
            await self.gate.wait()

        async def fail(chat: Chat, caller: Caller, request: Nothing) -> None:
            raise RuntimeError("of the test")

        async def beat(chat: Chat, caller: Caller, request: Nothing) -> None:
            return None

        return Api(
            name=name,
            routes=(),
            actions=NOTHING,
            events=NOTHING,
            heard=NOTHING,
            words={Code.NOT_FOUND: "no_such_room"},
            socket=RawSocket(
                path=path,
                frames={
                    "post": Frame(Post, post, _posted, "Post a letter"),
                    "take": Frame(Take, take, _silent, "Say that letters have come"),
                    "say": Frame(Say, say, _silent, "Whisper"),
                    "wait": Frame(Wait, wait, _waited, "Be answered late"),
                    "fail": Frame(Nothing, fail, _silent, "Fail"),
                    "heartbeat": Frame(Nothing, beat, _beaten, "Ask"),
                },
                events={Letter: _letter, Whisper: _whisper, DeviceRevoked: _revoked},
                backlog=lambda chat: self,
            ),
        )


def _posted(request: Post, letter: Letter) -> tuple[Words, ...]:
    return ({"type": "posted", "seq": letter.seq},)


def _silent(request: Any, result: None) -> tuple[Words, ...]:
    return ()


def _waited(request: Wait, result: None) -> tuple[Words, ...]:
    return ({"type": "waited", "n": request.n},)


def _beaten(request: Nothing, result: None) -> tuple[Words, ...]:
    return ({"type": "heartbeat_ack"},)


def _letter(letter: Letter) -> Words:
    return {
        "type": "letter",
        "room": letter.stream,
        "seq": letter.seq,
        "sender": letter.sender,
        "text": letter.text,
    }


def _whisper(whisper: Whisper) -> Words:
    return {"type": "whisper", "text": whisper.text}


def _revoked(event: DeviceRevoked) -> Words:
    return {"type": "device_revoked", "deviceId": event.revoked}
