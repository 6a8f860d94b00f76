"""A fault of our own ends the line it happened to with 1011; nobody takes it for the client's."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
import socketio

from server.core.ids import ConnectionId
from server.logs import JsonFormatter, request_id
from server.stores.memory.rooms import MemoryRooms
from server.transports.socketio.packets import MALFORMED
from server.transports.socketio.plain import Reply
from server.transports.socketio.plain_namespace import PlainNamespace
from server.transports.socketio.session import EngineSocket
from tests.servers import RunningServer, running, until
from tests.transports.conftest import Dial
from tests.transports.slow import counted
from tests.transports.wire import Pair, WebSocketLine

INTERNAL_ERROR = 1011


class Broken(socketio.AsyncNamespace):
    """A namespace in whose code one event is a fault.

    Attributes:
        ids: Under which its events were handled.
    """

    def __init__(self, event: str, fault: type[Exception]) -> None:
        super().__init__("/broken")
        self._event = event
        self._fault = fault
        self.ids: list[str] = []

    async def trigger_event(self, event: str, *args: Any) -> Any:
        self.ids.append(request_id())
        if event == self._event:
            raise self._fault("what a client said stands here")


class BrokenPlain(PlainNamespace):
    """The same in the main namespace, which plain events reach by the short way."""

    async def gone(self, connection_id: ConnectionId, reason: str) -> None:
        """Nothing is kept of it."""

    def caller_on(self, line: EngineSocket) -> Any:
        return line

    async def act(self, line: EngineSocket, data: Sequence[Any]) -> Reply:
        raise KeyError("what a client said stands here")


FAULTS: dict[str, tuple[str, tuple[str | bytes, ...]]] = {
    "connecting": ("connect", ("40/broken,",)),
    "an event": ("go", ("40/broken,", '42/broken,["go"]')),
    "an event with attachments": (
        "go",
        ("40/broken,", '451-/broken,["go",{"_placeholder":true,"num":0}]', b"a"),
    ),
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log as the server writes it."""
    caplog.handler.setFormatter(JsonFormatter())
    return caplog


def logged(log: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    lines = map(json.loads, log.text.splitlines())
    return [line for line in lines if line["event"] == event]


async def refused(server: RunningServer, reason: str) -> float:
    return await counted(server, f'hushwire_rejected_total{{reason="{reason}"}}')


@pytest.mark.parametrize("fault", MALFORMED)
@pytest.mark.parametrize(("event", "packets"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_in_a_handler_is_logged_as_ours_and_ends_that_line_alone(
    event: str,
    packets: tuple[str | bytes, ...],
    fault: type[Exception],
    server: RunningServer,
    dial: Dial,
    pair: Pair,
    log: pytest.LogCaptureFixture,
) -> None:
    server.app.sockets.register_namespace(Broken(event, fault))
    alice = await dial("websocket")

    await alice.send(*packets)

    assert await alice.ended() == INTERNAL_ERROR
    (line,) = logged(log, "internal_error")
    assert (line["level"], line["exception"]) == ("error", fault.__name__)
    assert line["request_id"]
    assert "what a client said" not in log.text
    assert logged(log, "malformed_packet") == []
    assert (await refused(server, "internal"), await refused(server, "malformed_packet")) == (1, 0)
    await pair.talk(1)


async def test_a_fault_in_a_handler_of_plain_events_is_ours_too(
    server: RunningServer, dial: Dial, log: pytest.LogCaptureFixture
) -> None:
    alice = await dial("websocket")
    server.app.sockets.register_namespace(BrokenPlain("/"))

    await alice.send('42["go"]')

    assert await alice.ended() == INTERNAL_ERROR
    assert [line["exception"] for line in logged(log, "internal_error")] == ["KeyError"]
    assert await refused(server, "malformed_packet") == 0


async def test_a_fault_ends_a_polling_connection_and_nothing_of_it_stays(
    server: RunningServer, dial: Dial, log: pytest.LogCaptureFixture
) -> None:
    server.app.sockets.register_namespace(Broken("go", ValueError))
    alice = await dial("polling")

    await alice.send("40/broken,", '42/broken,["go"]')

    await alice.ended()
    await until(lambda: not server.app._gate.connections)
    await until(lambda: not server.app.sockets.environ)
    assert len(logged(log, "internal_error")) == 1


async def test_a_fault_is_logged_under_the_id_of_its_event_alone(
    server: RunningServer, dial: Dial, log: pytest.LogCaptureFixture
) -> None:
    broken = Broken("go", ValueError)
    server.app.sockets.register_namespace(broken)
    alice = await dial("websocket")

    await alice.send("40/broken,", '42/broken,["stay"]', '42/broken,["go"]')
    await alice.ended()

    assert len(set(broken.ids[:3])) == 3
    assert [line["request_id"] for line in logged(log, "internal_error")] == [broken.ids[2]]


# --- of a store ---


class Forgetful(MemoryRooms):
    """A store that fails the first time that somebody goes."""

    has_failed = False

    async def leave(self, *going: Any) -> Any:
        self._fail_once()
        return await super().leave(*going)

    async def lose(self, *going: Any) -> None:
        self._fail_once()
        await super().lose(*going)

    def _fail_once(self) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise ConnectionError("the store is away")


@pytest.mark.parametrize("goodbye", ["41", "1"], ids=["disconnects", "is lost"])
async def test_who_goes_while_the_store_fails_is_soon_gone_for_the_others_too(
    goodbye: str, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.stores.live.MemoryRooms", Forgetful)
    async with (
        running(RECONNECT_GRACE_S=0) as server,
        WebSocketLine(server.url) as alice,
        WebSocketLine(server.url) as bob,
    ):
        await (await alice.open()).join("lair", "alice")
        await (await bob.open()).join("lair", "bob")

        await bob.send(goodbye)

        await alice.until(lambda: alice.events("user-left"))
        assert [left["userId"] for left in alice.events("user-left")] == ["bob"]
        members = (await alice.ask("get-public-keys", {"sessionId": "lair"}))["members"]
        assert [member["userId"] for member in members] == ["alice"]
        assert len(logged(log, "internal_error")) == 1


async def test_a_server_stops_though_a_task_misses_its_cancellation() -> None:
    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async with running() as server, asyncio.timeout(20):
        assert server.app._reaper
        server.app._reaper.cancel()
        server.app._reaper = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        await server.app.stop()
