"""How long a line is kept: who reads slowly, who has too many, and who is there for weeks."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from server.core import queues
from server.transports import stall, websocket
from server.transports.raw import sockets
from tests.apis.conftest import Later
from tests.apis.event_queue.conftest import Join
from tests.apis.event_queue.people import Line, Member, call, id_token, ids, renewed
from tests.apis.session_relay.sessions import configured
from tests.issuers import ISSUER, Signer
from tests.servers import RunningServer, until
from tests.transports.raw.slow import SlowReader
from tests.transports.slow import SEND_BUFFER_BYTES

DAY_MINUTES = 24 * 60


# --- who reads slowly ---


@configured(RATE_LIMITS="off")
async def test_who_takes_nothing_is_closed_with_1013_and_hears_all_again(
    alice: Member, bob: Member, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "STALL_LIMIT_S", 0.5)
    monkeypatch.setattr(websocket, "CLOSE_LIMIT_S", 20.0)  # the reader comes to it late
    node = server.nodes[0]
    for listener in node._listeners:  # else the kernel takes most of it
        listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    all_of_them = [str(number) for number in range(8)]
    async with SlowReader(server.node_urls[0], bob.token, f"/ws/{bob.user_id}") as slow:
        await until(lambda: node.raw.open_lines)
        for event_id in all_of_them:
            status, _ = await alice.send(bob, event_id, encrypted_payload="x" * 200_000)
            assert status == 201
        await until(lambda: not node.raw.open_lines)
        await slow.read_to_the_end()
        assert slow.close_code == 1013
        assert ids(slow.heard) == all_of_them[: len(slow.heard)]

    async with bob.connected() as line:
        assert ids(await line.events(8)) == all_of_them
        assert [one["sequence"] for one in line.heard] == list(range(1, 9))
        assert await line.is_quiet()


@configured(RATE_LIMITS="off", MAX_UNSENT_BYTES=1 << 21)
async def test_a_reader_that_takes_nothing_is_waited_for_and_loses_nothing(
    alice: Member, bob: Member, server: RunningServer
) -> None:
    payload = "x" * 200_000
    path = f"/ws/{bob.user_id}"
    async with SlowReader(server.node_urls[0], bob.token, path) as slow:
        for number in range(30):
            status, _ = await alice.send(bob, str(number), encrypted_payload=payload)
            assert status == 201
        await slow.read_until_heard(30)
        assert ids(slow.heard) == [str(number) for number in range(30)]
    async with bob.connected() as line:
        assert ids(await line.events(30)) == [str(number) for number in range(30)]


# --- how many ---


async def test_one_user_has_so_many_lines_from_whatever_devices_and_others_have_theirs(
    alice: Member, join: Join, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_LINES_OF_USER", 2)
    phone = await join("bob", device_id="phone")
    laptop = await join("bob", device_id="laptop")
    node = server.node_urls[0]
    async with phone.connected(node) as first, laptop.connected(node) as second:
        assert await first.is_quiet()
        assert await second.is_quiet()
        for one in (phone, laptop):
            async with one.connected(node) as third:
                assert await third.close_code() == 1008
        async with alice.connected(node) as other:
            assert await other.is_quiet()
        await alice.send(phone, "1")
        assert ids(await first.events(1)) == ids(await second.events(1)) == ["1"]
        await first.close()
        async with laptop.connected(node) as third:
            assert ids(await third.events(1)) == ["1"]


# --- for weeks ---


@asynccontextmanager
async def by_cookie(http: aiohttp.ClientSession, token: str, node: str) -> AsyncIterator[Line]:
    """Connected by a cookie, whose token is good for a month: nothing else shows one is there."""
    body = {"id_token": token, "public_key": "key"}
    async with http.post("/api/register", json=body) as answer:
        member = Member(http, await answer.json())
        cookie = f"hushwire-socket={answer.cookies['hushwire-socket'].value}"
    async with member.connected(node, Cookie=cookie, Origin=node) as line:
        assert await line.is_quiet()
        yield line


async def test_devices_that_stay_connected_to_whatever_node_are_never_taken_for_gone(
    alice: Member,
    http: aiohttp.ClientSession,
    signer: Signer,
    server: RunningServer,
    later: Later,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queues, "SEEN_AT_ONCE", 1)
    nodes = server.node_urls
    async with AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(by_cookie(http, id_token(signer, ISSUER, name), node))
            for name, node in {"bob": nodes[0], "carol": nodes[-1], "dave": nodes[-1]}.items()
        ]
        for name in ("bob", "carol", "dave"):  # the queue of a single device never lapses
            other = {"id_token": id_token(signer, ISSUER, name), "public_key": "key"}
            await call(http, "POST", "/api/register", {**other, "device_id": "laptop"})
        for _ in range(20):
            await later(minutes=DAY_MINUTES)
        await renewed(http, alice)
        all_of_them = [line.user_id for line in lines]
        event = {"event_type": "A", "event_id": "1", "recipient_ids": all_of_them}
        assert (await alice.ask("POST", "/api/events", event))[0] == 201
        for line in lines:
            (told,) = await line.events(1)
            assert (told["event_id"], told["sequence"]) == ("1", 1)
