"""What one process gets and another has: lines that poll, found by their ids."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from msgspec import Struct

from server.app import App
from server.core.ids import new_node_id
from server.settings import load
from server.transports import forward
from server.transports.forward import MAX_PLACES, MAX_WHOLE_BYTES, Forwarder
from server.transports.others import Seat
from server.transports.passes import GOOD_FOR_MS, HEADER, Hop, Pass, Passes
from server.transports.routes import REQUESTS, Place, socket_path
from tests.clocks import ManualClock
from tests.servers import ADMIN_TOKEN, SECRET, until
from tests.transports.wire import (
    POLLING,
    UPGRADE,
    PollingLine,
    Reply,
    connected,
    exchange,
    frame,
    head,
    read_close_code,
    read_reply,
)

LONG = {"MAX_PAYLOAD_BYTES": 200_000, "MAX_CIPHERTEXT_BYTES": 150_000}


class Book(dict[str, str]):
    """A directory of processes: by their ids their URLs."""

    async def lookup(self, node_id: str) -> str | None:
        return self.get(node_id)


class Process(Struct):
    """One that listens."""

    app: App

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.port}"


class Two(Struct):
    """Two processes of an installation: lines are opened at the one, and asked for at the other.

    Attributes:
        are_near: On the same machine.
    """

    one: Process
    other: Process
    are_near: bool
    book: Book

    def forwarded(self, kind: str) -> int:
        """What the other has passed on."""
        return count(self.other, kind)


def count(server: Process, kind: str) -> int:
    labels = {"kind": kind}
    found = server.app._metrics.registry.get_sample_value("hushwire_forwarded_total", labels)
    return int(found or 0)


async def start(stack: AsyncExitStack, folder: Path | None, book: Book) -> Process:
    own = {"PORT": "0", "DATABASE_URL": "sqlite://:memory:"}
    settings = load({**own, **{name: str(value) for name, value in LONG.items()}})
    app = App(
        settings,
        secret=SECRET,
        admin_token=ADMIN_TOKEN,
        seat=Seat(node_id=new_node_id(), folder=folder),
        peers=book,
    )
    await app.start()
    stack.push_async_callback(app.stop)
    server = Process(app)
    if folder is None:
        book[app._seat.node_id] = server.url
    return server


@pytest.fixture(params=["on one machine", "on two machines"])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    are_near = request.param == "on one machine"
    book = Book()
    async with AsyncExitStack() as stack:
        folder = tmp_path if are_near else None
        one, other = [await start(stack, folder, book) for _ in "12"]
        yield Two(one, other, are_near, book)


class Wanderer(PollingLine):
    """Opens a line at the one, and then asks the other for it."""

    def __init__(self, two: Two, *, reuses_connections: bool) -> None:
        super().__init__(two.one.url)
        self._other = two.other.url
        self._first = self._http
        self._http = ClientSession(connector=TCPConnector(force_close=not reuses_connections))

    async def shake_hands(self) -> None:
        await super().shake_hands()
        self.url = self._other

    async def _close(self) -> None:
        await self._first.close()


@pytest.mark.parametrize("reuses_connections", [True, False])
async def test_a_line_is_reached_through_the_wrong_process(
    two: Two, *, reuses_connections: bool
) -> None:
    async with Wanderer(two, reuses_connections=reuses_connections) as line:
        await line.open()
        assert (await line.join("lair", 1))["success"]
        said = ["x", "y" * 100_000, "z"]
        for text in said:
            request = {"sessionId": "lair", "encrypted": text}
            assert (await line.ask("send-message", request))["success"]
        history = (await line.join("lair", 1))["messages"]

        assert [message["encrypted"] for message in history] == said
        assert two.forwarded("request" if not two.are_near else "connection") > 0
        assert two.one.app.sockets.eio.sockets
        assert not two.other.app.sockets.eio.sockets


async def test_what_comes_later_on_a_connection_is_forwarded_too(two: Two) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    target = target_of(opened)
    async with connected(two.other.url) as (reader, writer):
        writer.write(head("GET", "/health"))
        await read_reply(reader)
        writer.write(head("POST", target, {"Content-Length": "2"}) + b"40")
        assert (await read_reply(reader)).body == b"ok"
        writer.write(head("GET", target))
        assert (await read_reply(reader)).body.startswith(b"40")

    assert two.forwarded("request") == 2
    assert two.forwarded("connection") == 0


def target_of(opened: Reply) -> str:
    return f"{POLLING}&sid={json.loads(opened.body[1:])['sid']}"


async def test_a_body_may_arrive_after_its_connection_was_handed_over(two: Two) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    body = b"40" + b"\x1e42" + b'["typing-start",{"sessionId":"%s"}]' % (b"x" * 100)
    length = {"Content-Length": str(len(body))}
    async with connected(two.other.url) as (reader, writer):
        writer.write(head("POST", target_of(opened), length) + body[:20])
        [line] = two.one.app.sockets.eio.sockets.values()
        await until(lambda: line.is_posting or not two.are_near)
        writer.write(body[20:])

        assert (await read_reply(reader)).body == b"ok"
        if two.are_near:
            # The connection is the right one's now, and counted there.
            assert two.other.app._doorkeeper._count == 0
            assert two.one.app._doorkeeper._count == 1


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_line_moves_to_a_websocket_through_the_wrong_process(
    two: Two, *, is_first: bool
) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    target = target_of(opened)
    async with connected(two.other.url) as (reader, writer):
        if not is_first:
            writer.write(head("GET", "/health"))
            await read_reply(reader)
        writer.write(head("GET", target.replace("=polling", "=websocket"), UPGRADE))
        switched = await read_reply(reader)
        assert switched.status == 101
        writer.write(frame(1, b"2probe"))
        assert await read_frame(reader) == b"3probe"
        writer.write(frame(1, b"5") + frame(1, b"40"))
        assert (await read_frame(reader)).startswith(b"40")
        [line] = two.one.app.sockets.eio.sockets.values()
        assert line.transport == "websocket"

        line.retire()
        assert await read_close_code(reader) == 1012

    kind = "connection" if two.are_near and is_first else "websocket"
    assert two.forwarded(kind) == 1
    await until(lambda: two.other.app._upgrades.tunnels == 0)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    _, size = await reader.readexactly(2)
    return await reader.readexactly(size)


async def test_who_goes_while_it_polls_is_gone_for_the_right_process(two: Two) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    lines = two.one.app.sockets.eio.sockets
    async with connected(two.other.url) as (reader, writer):
        writer.write(head("GET", "/health"))
        await read_reply(reader)
        writer.write(head("GET", target_of(opened)))
        [line] = lines.values()
        await until(lambda: line.poller and line.poller.is_polling)

    await until(lambda: not lines)


async def test_who_goes_from_its_websocket_is_gone_for_the_right_process(two: Two) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    lines = two.one.app.sockets.eio.sockets
    async with connected(two.other.url) as (reader, writer):
        writer.write(
            head("GET", target_of(opened).replace("=polling", "=websocket"), UPGRADE)
            + frame(1, b"2probe")
        )
        await read_reply(reader)
        assert await read_frame(reader) == b"3probe"
        writer.write(frame(1, b"5"))
        [line] = lines.values()
        await until(lambda: line.transport == "websocket")

    await until(lambda: not lines)
    assert two.other.app._upgrades.tunnels == 0


@pytest.mark.parametrize("keeps_connection", [True, False])
async def test_origins_are_checked_as_if_it_had_come_to_the_right_process(
    two: Two, *, keeps_connection: bool
) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    origins = {
        "http://relay.example": 200,
        "https://relay.example": 403,
        "http://a.example": 403,
    }
    for origin, status in origins.items():
        headers = {"Origin": origin, "Content-Length": "1"}
        async with connected(two.other.url) as (reader, writer):
            if keeps_connection:
                writer.write(head("GET", "/health"))
                await read_reply(reader)
            writer.write(head("POST", target_of(opened), headers) + b"3")
            answer = await read_reply(reader)
        assert answer.status == status
        allowed = answer.headers.get("access-control-allow-origin")
        assert allowed == (origin if status == 200 else None)


async def test_the_bounds_of_a_request_hold(two: Two) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    async with connected(two.other.url) as (reader, writer):
        writer.write(head("GET", "/health"))
        await read_reply(reader)
        length = {"Content-Length": str(LONG["MAX_PAYLOAD_BYTES"] + 1)}
        writer.write(head("POST", target_of(opened), length))
        assert (await read_reply(reader)).status == 413


# --- who is not there ---


async def test_ids_of_nobody_are_refused_as_ever(two: Two) -> None:
    gone = new_node_id()
    sids = ["", "x", f"{gone}.x", f"{two.one.app._seat.node_id}.x", "../../x.y", "a" * 5000 + ".x"]
    for sid in sids[1:]:
        for target in (f"{POLLING}&sid={sid}", f"{POLLING}&sid={sid}".replace("poll", "x-poll")):
            assert (await exchange(two.other.url, head("GET", target))).status == 400
        websocket = f"{POLLING}&sid={sid}".replace("=polling", "=websocket")
        assert (await exchange(two.other.url, head("GET", websocket, UPGRADE))).status == 400


async def test_a_process_that_was_killed_leaves_a_refusal(two: Two, tmp_path: Path) -> None:
    opened = await exchange(two.one.url, head("GET", POLLING))
    target = target_of(opened)
    await two.one.app.stop()
    for name in ("sock", "door"):
        (tmp_path / f"{two.one.app._seat.node_id}.{name}").touch()

    answers = [
        await exchange(two.other.url, head("GET", target)),
        await exchange(two.other.url, head("POST", target, {"Content-Length": "1"}) + b"3"),
        await exchange(
            two.other.url, head("GET", target.replace("=polling", "=websocket"), UPGRADE)
        ),
    ]

    assert [answer.status for answer in answers] == [400] * 3


@pytest.mark.parametrize("size", [MAX_WHOLE_BYTES, MAX_WHOLE_BYTES + 1])
async def test_of_a_long_answer_that_breaks_off_nothing_follows_what_has_come(
    two: Two, tmp_path: Path, size: int
) -> None:
    said = asyncio.Event()
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"begun"

    async def die_in_the_middle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await said.wait()
        writer.transport.abort()

    dying = new_node_id()
    if two.are_near:
        path = socket_path(tmp_path, dying, REQUESTS)
        server = await asyncio.start_unix_server(die_in_the_middle, path)
    else:
        server = await asyncio.start_server(die_in_the_middle, "127.0.0.1", 0)
        two.book[dying] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, connected(two.other.url) as (reader, writer):
        writer.write(head("GET", f"{POLLING}&sid={dying}.x"))
        if size <= MAX_WHOLE_BYTES:
            said.set()
            assert (await read_reply(reader)).status == 400
            return
        assert b"\nContent-Length: %d\r" % size in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"begun"
        said.set()

        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""


@pytest.mark.parametrize("more", ["", "&x=%C3%A9/../%2e;a?b&&c=+", "#x"])
async def test_nothing_is_forwarded_in_a_circle(two: Two, tmp_path: Path, more: str) -> None:
    lost = new_node_id()
    if two.are_near:
        for kind in ("sock", "door"):
            (tmp_path / f"{lost}.{kind}").symlink_to(
                tmp_path / f"{two.one.app._seat.node_id}.{kind}"
            )
    else:
        # Each finds it at the one, which finds it at itself.
        two.book[lost] = two.one.url
    target = f"{POLLING}&sid={lost}.x{more}"

    async with connected(two.other.url) as (reader, writer):
        for _ in "12":
            writer.write(head("GET", target))
            assert (await read_reply(reader)).status == 400
        upgrade = target.replace("=polling", "=websocket")
        writer.write(head("GET", upgrade, UPGRADE))
        assert (await read_reply(reader)).status == 400

    # Who was handed a connection finds itself, once for each request; from there they go nowhere.
    assert sum(count(two.one, kind) for kind in ("request", "websocket")) <= 3
    assert count(two.one, "connection") == 0


async def test_a_request_of_another_machine_goes_on_to_the_right_process_there(
    tmp_path: Path,
) -> None:
    book = Book()
    async with AsyncExitStack() as stack:
        one, beside = [await start(stack, tmp_path, book) for _ in "12"]
        far = await start(stack, None, book)
        book[one.app._seat.node_id] = beside.url  # where a balancer of that machine leads
        two = Two(one, far, are_near=False, book=book)
        async with Wanderer(two, reuses_connections=True) as line:
            await line.open()
            assert (await line.join("lair", 1))["success"]

        assert count(far, "request") > 0
        assert count(beside, "connection") > 0


# --- the end ---


CLOSE_LIMIT_S = 0.15


@pytest.fixture
def forwarder(two: Two, monkeypatch: pytest.MonkeyPatch) -> Forwarder:
    monkeypatch.setattr(forward, "CLOSE_LIMIT_S", CLOSE_LIMIT_S)
    return two.other.app._others.forwarder


async def test_closing_waits_for_connections_that_were_given_up_before(
    forwarder: Forwarder,
) -> None:
    places = [Place(f"http://192.0.2.1:{port}", Hop.NODE) for port in range(1, MAX_PLACES + 3)]
    sessions = [forwarder._session(place) for place in places]

    await forwarder.close()

    assert all(session.closed for session in sessions)
    # Their own word of the end may come a turn later.
    assert all(closing.done() for closing in forwarder._closing)


@pytest.mark.parametrize("turns", range(4))
async def test_closing_waits_for_connections_although_it_stands_still(
    turns: int, two: Two, forwarder: Forwarder
) -> None:
    async def stand_still() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        time.sleep(2 * CLOSE_LIMIT_S)  # noqa: ASYNC251 - as a process that is stopped

    opened = await exchange(two.one.url, head("GET", POLLING))
    async with connected(two.other.url) as (reader, writer):
        for request in (head("GET", "/health"), head("GET", target_of(opened), {"X": "y"})):
            writer.write(request)
        await read_reply(reader)
        await until(lambda: forwarder._sessions)
        standing = asyncio.create_task(stand_still())
        await forwarder.close()

        assert all(closing.done() for closing in forwarder._closing)
        await standing


async def test_closing_does_not_wait_for_who_does_not_hang_up(forwarder: Forwarder) -> None:
    class Hanging(TCPConnector):
        async def close(self, **options: Any) -> None:
            await super().close(**options)
            await asyncio.Event().wait()

    forwarder._sessions["http://192.0.2.1"] = ClientSession(connector=Hanging())

    async with asyncio.timeout(CLOSE_LIMIT_S + 1):
        await forwarder.close()
    await until(lambda: not forwarder._closing)


# --- passes ---


@pytest.fixture
def passes(clock: ManualClock) -> Passes:
    return Passes(b"the key of the installation", clock)


class Asked(Struct):
    """The head of a request."""

    method: str
    raw_path: str
    headers: dict[str, str]


def asked(value: str, method: str = "GET", raw_path: str = POLLING) -> Asked:
    return Asked(method, raw_path, {HEADER: value})


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "fe80::1%eth0", "unknown"])
def test_a_pass_tells_who_the_client_is(address: str, passes: Passes) -> None:
    told = Pass(Hop.NODE, address, is_secure=True)

    assert passes.read(asked(passes.write(told, "GET", POLLING))) == told


def test_a_pass_is_good_for_a_minute_only(passes: Passes, clock: ManualClock) -> None:
    value = passes.write(Pass(Hop.NODE, "192.0.2.7", is_secure=False), "GET", POLLING)

    clock.advance(ms=GOOD_FOR_MS)
    assert passes.read(asked(value))
    clock.advance(ms=1)
    assert passes.read(asked(value)) is None


@pytest.mark.parametrize("path", ["/x?a=1", "/x?a=\udcff", ""])
def test_a_pass_is_good_for_one_method_and_path_only(path: str, passes: Passes) -> None:
    value = passes.write(Pass(Hop.NODE, "192.0.2.7", is_secure=False), "GET", path)

    assert passes.read(asked(value, "GET", path))
    others = [("POST", path), ("GET", f"{path}&"), ("GET", "/y?a=1"), ("GET", "/x"), ("GE", "T")]
    for method, other in others:
        assert passes.read(asked(value, method, other)) is None


def test_a_pass_that_somebody_else_wrote_or_changed_is_none(
    passes: Passes, clock: ManualClock
) -> None:
    told = Pass(Hop.NODE, "192.0.2.7", is_secure=False)
    good = passes.write(told, "GET", POLLING)
    stranger = Passes(b"another key", clock).write(told, "GET", POLLING)
    changed = [good.replace("7 ", "8 ", 1), good.replace("node", "client"), good[:-1], good + " "]

    for value in ["", " ", "x", "\udcff \udcff", "client 192.0.2.7 0", stranger, *changed]:
        assert passes.read(asked(value)) is None


async def test_a_pass_that_is_put_on_another_request_counts_for_nothing(two: Two) -> None:
    websocket = POLLING.replace("=polling", "=websocket")
    passes = two.other.app._others.forwarder._passes
    told = Pass(Hop.NODE, "192.0.2.7", is_secure=True)
    # What only a client that came by TLS may say.
    secure = {"Origin": "https://relay.example"}
    for target, more, status in ((POLLING, {}, 200), (websocket, UPGRADE, 101)):
        for method, path in (("GET", target), ("POST", target), ("GET", f"{target}&x=1")):
            headers = {**more, **secure, HEADER: passes.write(told, method, path)}
            answer = await exchange(two.one.url, head("GET", target, headers))

            assert answer.status == (status if (method, path) == ("GET", target) else 403)


async def test_limits_count_the_client_and_not_who_forwards(two: Two) -> None:
    front = two.one.app._front
    passes = two.other.app._others.forwarder._passes
    told = Pass(Hop.NODE, "192.0.2.7", is_secure=True)
    peer = front.peer(None, asked(passes.write(told, "GET", POLLING)))

    assert (peer.address, peer.is_secure) == ("192.0.2.7", True)
    assert front.peer(None, asked("node 192.0.2.7 1 0 forged")).address == "unknown"


async def test_a_pass_does_not_make_a_client_of_this_machine_an_operator(two: Two) -> None:
    forged = {HEADER: "client 127.0.0.1 0 1 x", "Host": "localhost"}
    near = await exchange(two.one.url, head("GET", "/metrics", {"Host": "localhost"}))
    passes = two.other.app._others.forwarder._passes
    value = passes.write(Pass(Hop.SOCKET, "192.0.2.7", is_secure=False), "GET", "/metrics")
    told = {HEADER: value}

    assert near.status == 200
    assert (await exchange(two.one.url, head("GET", "/metrics", forged))).status == 200
    far = await exchange(two.one.url, head("GET", "/metrics", {**told, "Host": "localhost"}))
    assert far.status == 401
