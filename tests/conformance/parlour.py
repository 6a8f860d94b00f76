"""Handlers by which clients have a Socket.IO server do all that its library can: mounted twice.

`tests/conformance/test_like_stock.py` mounts them in the composition root's app and in
python-socketio as shipped.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import socketio
from aiohttp import web
from msgspec import Struct, field

from server.transports.api import CHAT
from tests.conformance.app import NAMESPACES, sockets_of
from tests.servers import running

QUIET_NAMESPACE = "/quiet"
"""Which everybody opens first, to be named and for round trips."""

SPACES = (*NAMESPACES, CHAT)
"""In which guests act. Of ours, `/` and `/chat` have a short way for events."""

PING_S = 60


class Book(Struct):
    """Who is there.

    Attributes:
        names: Line of Engine.IO -> the name that its client has given.
        open: Name -> its connections by their namespaces.
    """

    names: dict[str, str] = field(default_factory=dict)
    open: dict[str, dict[str, str]] = field(default_factory=dict)


class Parlour(socketio.AsyncNamespace):
    """One namespace. People are spoken of by their names, never by their ids."""

    server: socketio.AsyncServer

    def __init__(self, namespace: str, book: Book) -> None:
        super().__init__(namespace)
        self._book = book
        self._answers: dict[str, Callable[..., Awaitable[Any]]] = {
            "connect": self._welcome,
            "disconnect": self._miss,
            "echo": self._echo,
            "slow": self._slow,
            "tuple": self._return_tuple,
            "list": self._return_list,
            "nothing": self._return_nothing,
            "enter": self._enter,
            "leave": self._leave,
            "close": self._close,
            "rooms": self._rooms,
            "shout": self._shout,
            "call": self._call,
            "announce": self._announce,
            "whisper": self._whisper,
            "ask": self._ask,
            "ask-room": self._ask_room,
            "throw-out": self._throw_out,
        }

    async def trigger_event(self, event: str, *args: Any) -> Any:
        if answer := self._answers.get(event):
            return await answer(*args)
        return self.server.not_handled

    async def _welcome(self, sid: str, environ: object, auth: dict[str, Any] | None) -> Any:
        line = self._line(sid)
        auth = auth or {}
        if self.namespace == QUIET_NAMESPACE:
            self._book.names[line] = auth["name"]
        if auth.get("refuse") == "plainly":
            return False
        if auth.get("refuse"):
            raise socketio.exceptions.ConnectionRefusedError("not today", auth["refuse"])
        self._book.open.setdefault(self._book.names[line], {})[self.namespace] = sid
        if auth.get("greet"):
            await self.emit("welcome", auth, to=sid)
        return None

    async def _miss(self, sid: str, reason: str) -> None:
        name = self._name(sid)
        await self.emit("left", (name, reason), skip_sid=sid)
        del self._book.open[name][self.namespace]

    async def _echo(self, sid: str, *said: Any) -> None:
        await self.emit("echoed", said, to=sid)

    async def _slow(self, sid: str, *said: Any) -> tuple[Any, ...]:
        """The same, with others' turns before and after it."""
        await asyncio.sleep(0)
        await self.emit("echoed", said, to=sid)
        await asyncio.sleep(0)
        return said

    async def _return_tuple(self, sid: str, *said: Any) -> tuple[Any, ...]:
        return said

    async def _return_list(self, sid: str, *said: Any) -> list[Any]:
        return list(said)

    async def _return_nothing(self, sid: str, *said: Any) -> None:
        pass

    async def _enter(self, sid: str, room: str, *_: Any) -> None:
        await self.enter_room(sid, room)

    async def _leave(self, sid: str, room: str, *_: Any) -> None:
        await self.leave_room(sid, room)

    async def _close(self, sid: str, room: str, *_: Any) -> None:
        await self.close_room(room)

    async def _rooms(self, sid: str, *_: Any) -> list[str]:
        return sorted("own" if room == sid else room for room in self.rooms(sid))

    async def _shout(self, sid: str, room: str, *said: Any) -> None:
        await self.emit("shouted", said, room=room, skip_sid=sid)

    async def _call(self, sid: str, room: str, *said: Any) -> None:
        await self.emit("called", said, room=[room, "b"])

    async def _announce(self, sid: str, *said: Any) -> None:
        await self.emit("announced", said)

    async def _whisper(self, sid: str, name: str, *said: Any) -> bool:
        """Say something to one, if she is here."""
        to = self._sid(name)
        if to:
            await self.emit("whispered", said, to=to)
        return bool(to)

    async def _ask(self, sid: str, name: str, *question: Any) -> None:
        if to := self._sid(name):
            await self.emit("question", question, to=to, callback=self._report_to(sid))

    async def _ask_room(self, sid: str, room: str, *question: Any) -> None:
        await self.emit("question", question, room=room, callback=self._report_to(sid))

    def _report_to(self, sid: str) -> Callable[..., Awaitable[None]]:
        async def answered(*answer: Any) -> None:
            await self.emit("answered", answer, to=sid)

        return answered

    async def _throw_out(self, sid: str, name: str, *_: Any) -> None:
        if out := self._sid(name):
            await self.disconnect(out)

    def _line(self, sid: str) -> str:
        line: str = self.server.manager.eio_sid_from_sid(sid, self.namespace)
        return line

    def _name(self, sid: str) -> str:
        return self._book.names[self._line(sid)]

    def _sid(self, name: str) -> str | None:
        return self._book.open.get(name, {}).get(self.namespace)


class Stage(Struct, frozen=True):
    """A running server, and who is there."""

    url: str
    book: Book


def _mount(server: Any) -> Book:
    book = Book()
    for namespace in (*SPACES, QUIET_NAMESPACE):
        server.register_namespace(Parlour(namespace, book))
    return book


@asynccontextmanager
async def our_stage() -> AsyncIterator[Stage]:
    """The composition root's app."""
    async with running(RATE_LIMITS="off", PING_INTERVAL_S=PING_S, PING_TIMEOUT_S=PING_S) as server:
        yield Stage(server.url, _mount(sockets_of(server.app)))


@asynccontextmanager
async def stock_stage() -> AsyncIterator[Stage]:
    """python-socketio on aiohttp as shipped, but for handlers that keep a client's order."""
    server = socketio.AsyncServer(
        async_mode="aiohttp", async_handlers=False, ping_interval=PING_S, ping_timeout=PING_S
    )
    book = _mount(server)
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(f"http://127.0.0.1:{runner.addresses[0][1]}", book)
    finally:
        await server.shutdown()
        await runner.cleanup()
