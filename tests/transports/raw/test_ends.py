"""Slow readers, silent ones, frames in parts, and how connections end."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.core.errors import Code
from tests.servers import RunningServer, running, until
from tests.transports.raw.conftest import Meet
from tests.transports.raw.letters import Office
from tests.transports.raw.slow import SlowReader
from tests.transports.raw.sockets import JWT_SECRET, Client, token
from tests.transports.slow import (
    BOUND_BYTES,
    KERNEL_BYTES,
    SEND_BUFFER_BYTES,
    SMALL,
    cut_readers,
)
from tests.transports.wire import UPGRADE, connected, frame, head, read_close_code, read_reply

WORDS = "x" * 1_000


@pytest.fixture
async def tight(office: Office) -> AsyncIterator[RunningServer]:
    """With the smallest bound, for which the kernel keeps next to nothing."""
    settings = {**SMALL, "JWT_SECRET": JWT_SECRET}
    async with running(None, None, (office.api(),), **settings) as server:
        for listener in server.app._listeners:
            listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        yield server


# --- who reads slowly ---


async def test_who_stops_reading_is_cut_within_the_bound_and_finds_all_when_it_returns(
    tight: RunningServer, office: Office
):
    async with (
        Client(tight.url) as alice,
        Client(tight.url) as bob,
        SlowReader(tight.url, token("carol")) as carol,
    ):
        await alice.open(token("alice"))
        await bob.open(token("bob"))
        await until(lambda: office.reads == 3)
        posted = 0
        while not await cut_readers(tight):
            for _ in range(10):
                posted += 1
                await alice.ask("post", room="tea", text=f"{posted} {WORDS}")
            await until(lambda: len(bob.letters()) == posted)  # noqa: B023

        assert BOUND_BYTES < posted * len(WORDS) < BOUND_BYTES + KERNEL_BYTES + 20 * len(WORDS)
        await carol.read_to_the_end()
        assert carol.close_code == 1013
        assert [one["seq"] for one in carol.heard] == list(range(1, len(carol.heard) + 1))
        await until(lambda: tight.app._gate.connections == 2)
        assert await cut_readers(tight) == 1

        async with SlowReader(tight.url, token("carol")) as returned:
            await returned.read_until_heard(posted)
            assert [one["seq"] for one in returned.heard] == list(range(1, posted + 1))


async def test_nobody_is_cut_for_what_waited_however_much_that_is(
    tight: RunningServer, office: Office
):
    office.page = 100
    for n in range(400):
        office.keep("tea", "alice", f"{n} {WORDS}")
    assert 400 * len(WORDS) > 2 * (BOUND_BYTES + KERNEL_BYTES)
    async with (
        SlowReader(tight.url, token("carol")) as carol,
        Client(tight.url) as alice,
    ):
        await alice.open(token("alice"))
        await alice.ask("post", room="tea", text="last")
        await alice.beat()
        [line] = [one for one in tight.app.raw.open_lines.values() if one.user.user_id == "carol"]
        assert not line.mailbox.is_in_step
        await carol.read_until_heard(401)

        assert [one["seq"] for one in carol.heard] == list(range(1, 402))
        assert await cut_readers(tight) == 0


async def test_who_asks_and_does_not_read_is_not_asked_any_more_and_goes_on_when_it_reads(
    tight: RunningServer, office: Office
):
    async with SlowReader(tight.url, token("carol")) as carol:
        asking = asyncio.create_task(ask_much(carol, 3_000))
        [line] = await lines_of(tight)
        await until(lambda: line._connection._is_held)
        assert line._connection._unsent_bytes() < 2 * BOUND_BYTES
        await carol.read_until_heard(3_000)
        await asking

        assert [one["ref"] for one in carol.heard] == [f"{n:0120}" for n in range(3_000)]
        assert await cut_readers(tight) == 0


async def ask_much(client: SlowReader, count: int) -> None:
    for n in range(count):
        await client.send(type="heartbeat", ref=f"{n:0120}")


async def lines_of(server: RunningServer) -> list[Any]:
    await until(lambda: server.app.raw.open_lines)
    return list(server.app.raw.open_lines.values())


# --- who is silent ---


@pytest.fixture
async def pinging(office: Office) -> AsyncIterator[RunningServer]:
    often = {"PING_INTERVAL_S": 0.2, "PING_TIMEOUT_S": 0.1, "JWT_SECRET": JWT_SECRET}
    async with running(None, None, (office.api(),), **often) as server:
        yield server


async def test_who_answers_pings_stays(pinging: RunningServer):
    async with Client(pinging.url) as alice:
        await alice.open(token("alice"))
        [line] = await lines_of(pinging)
        await until(lambda: line._connection.pongs >= 5)
        await alice.beat()


async def test_who_answers_no_ping_is_closed(pinging: RunningServer):
    async with connected(pinging.url) as (reader, writer):
        writer.write(head("GET", f"/letters?token={token('alice')}", UPGRADE))
        await read_reply(reader)

        assert await read_close_code(reader) == 1011
        assert pinging.app._gate.connections == 0


# --- frames ---


async def test_a_message_may_come_in_parts_with_pings_between_them(server: RunningServer):
    said = json.dumps({"type": "heartbeat", "ref": "é😀"}, ensure_ascii=False).encode()
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", f"/letters?token={token('alice')}", UPGRADE))
        await read_reply(reader)
        parts = [said[at : at + 3] for at in range(0, len(said), 3)]
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            first = 0x80 if is_last else 0
            writer.write(frame(0 if number else 1, part, first_byte=first))
            writer.write(b"" if is_last else frame(9, b"%d" % number))
            await writer.drain()
        heard: list[tuple[int, bytes]] = []
        while not heard or heard[-1][0] != 1:
            opcode, size = await reader.readexactly(2)
            heard.append((opcode & 0x0F, await reader.readexactly(size)))

    assert [payload for opcode, payload in heard[:-1]] == [
        b"%d" % number for number in range(len(parts) - 1)
    ]
    assert json.loads(heard[-1][1]) == {"type": "heartbeat_ack", "ref": "é😀"}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(frame(1, b"\xff\xfe"), 1007, id="not UTF-8"),
        pytest.param(frame(1, b"{}", masked=False), 1002, id="not masked"),
        pytest.param(frame(3, b""), 1002, id="reserved opcode"),
        pytest.param(frame(0, b"x"), 1002, id="nothing to go on with"),
    ],
)
async def test_frames_that_are_not_of_the_protocol_end_the_connection(
    server: RunningServer, bad: bytes, code: int
):
    async with connected(server.url) as (reader, writer):
        writer.write(head("GET", f"/letters?token={token('alice')}", UPGRADE))
        await read_reply(reader)
        writer.write(bad)

        assert await read_close_code(reader) == code
    await until(lambda: server.app._gate.connections == 0)


# --- the end ---


async def test_who_is_sent_away_has_had_its_answers(
    server: RunningServer, meet: Meet, office: Office
):
    alice = await meet()
    await alice.beat()
    office.gate.clear()
    await alice.send("wait", {"n": 1})
    await alice.send("wait", {"n": 2})
    await alice.socket.ping()
    [line] = server.app.raw.open_lines.values()
    await until(line.inbox.waiting)
    line.retire()
    office.gate.set()

    assert await alice.ended() == 1012
    assert [one["n"] for one in alice.all("waited")] == [1, 2]


async def test_a_draining_process_sends_everybody_away_and_lets_nobody_in(office: Office):
    settings = {"JWT_SECRET": JWT_SECRET, "DRAIN_S": 4}
    async with running(None, None, (office.api(),), **settings) as server:
        clients = [Client(server.url) for _ in range(30)]
        for number, client in enumerate(clients):
            await client.open(token("alice", f"device {number}"))
        await server.app.drain()

        assert [await client.ended() for client in clients] == [1012] * 30
        for client in clients:
            await client.leave()


async def test_a_process_that_stops_closes_all(meet: Meet, server: RunningServer):
    alice, bob = await meet(), await meet("bob")
    await server.app.stop()

    assert await alice.ended() == await bob.ended() == 1012


async def test_a_fault_of_ours_ends_the_line_that_it_happened_to_alone(
    meet: Meet, server: RunningServer
):
    alice, bob = await meet(), await meet("bob")
    await alice.beat()
    await bob.beat()
    [line] = [one for one in server.app.raw.open_lines.values() if one.user.user_id == "alice"]
    line.inbox.put(fail)

    assert await alice.ended() == 1011
    await bob.beat()


async def fail() -> None:
    raise RuntimeError("of the test")


async def test_who_goes_in_the_middle_of_something_leaves_nothing(
    meet: Meet, server: RunningServer, office: Office
):
    alice = await meet()
    await alice.beat()
    office.gate.clear()
    office.keep("tea", "bob", "1")
    server.app.raw._hub._refresh_all()
    await alice.send("wait", {"n": 1})
    await alice.leave()
    await until(lambda: server.app._gate.connections == 0)
    office.gate.set()

    await until(lambda: not server.chat.socket_sign_ins._held)
    assert not server.app.raw._hub._lines


async def test_everybody_is_closed_with_the_code_that_says_why(meet: Meet, server: RunningServer):
    alice = await meet()
    await alice.beat()
    await server.app.raw.close_all(Code.UNAVAILABLE)

    assert await alice.ended() == 1012
