"""The door of the WebSocket: who comes in, how many, and what they can do to the others there."""

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from server.core.tokens import ACCESS_LIFE_S
from server.transports.raw.sockets import MAX_LINES_OF_USER
from tests.apis.attacks.scenes import PASSWORD, Person, Scene
from tests.apis.attacks.test_http import PAGE, STRANGERS
from tests.apis.attacks.test_tokens import claims_of, forgeries
from tests.apis.conftest import Later
from tests.apis.session_relay.sessions import configured
from tests.clocks import ManualClock
from tests.issuers import by_secret
from tests.servers import RunningServer, until
from tests.transports.raw.slow import SlowReader
from tests.transports.raw.sockets import Client
from tests.transports.slow import (
    BOUND_BYTES,
    KERNEL_BYTES,
    SEND_BUFFER_BYTES,
    SMALL,
    cut_readers,
)
from tests.transports.wire import UPGRADE, connected, exchange, head, read_close_code, read_reply

Open = Callable[[Person], Awaitable[Client]]

PATH = "/ws"

ME = "GET /api/auth/me"


@pytest.fixture
async def connect(scene: Scene, server: RunningServer) -> AsyncIterator[Open]:
    """Opens sockets: `socket = await connect(scene.alice)`."""
    clients: list[Client] = []

    async def open_socket(who: Person) -> Client:
        clients.append(Client(server.url, PATH))
        client = await clients[-1].open(headers={"Authorization": f"Bearer {who.token}"})
        await client.beat()
        return client

    yield open_socket
    for client in clients:
        await client.leave()


def ways(token: str) -> Iterator[tuple[str, dict[str, str]]]:
    """All in which a token can be shown: the target of the handshake, and its headers."""
    # As a browser writes it, which no subprotocol nor header needs.
    yield f"{PATH}?{urlencode({'token': token})}", {}
    yield PATH, {"Authorization": f"Bearer {token}"}
    yield PATH, {"Sec-WebSocket-Protocol": f"bearer, {token}"}


async def close_code(url: str, target: str, headers: dict[str, str]) -> int:
    """That with which a handshake ends; who is let in is not closed, and times out."""
    async with connected(url) as (reader, writer), asyncio.timeout(10):
        writer.write(head("GET", target, {**UPGRADE, **headers}))
        reply = await read_reply(reader)
        return await read_close_code(reader) if reply.status == 101 else reply.status


async def signed_but_false(scene: Scene, server: RunningServer) -> Iterator[tuple[str, str]]:
    """Tokens with our own signature that are good for something else, or for nothing any more."""
    tokens: Any = server.chat.tokens
    claims = claims_of(scene.alice.token)
    login = {"username": "alice", "password": PASSWORD, "deviceId": "new"}
    data = (await scene.done(None, "POST /api/auth/login", login))["data"]
    changed: dict[str, dict[str, Any]] = {
        "of another type": {"typ": "refresh"},
        "of no type": {"typ": None},
        "of another user": {"sub": scene.mallory.user_id},
        "of another device": {"device": scene.mallory.device_id},
        "of no sign-in": {"family": "0"},
        "not valid yet": {"nbf": claims["iat"] + 600},
    }
    made = {name: by_secret({**claims, **one}, tokens._secret) for name, one in changed.items()}
    made["for a registration"] = data["registrationToken"]
    made["to renew"] = scene.alice.refresh_token
    return iter(made.items())


async def test_no_forged_token_opens_a_socket_however_it_is_shown(
    scene: Scene, server: RunningServer
) -> None:
    bad = [*forgeries(scene.alice.token, scene.mallory.token)]
    for name, token in [*bad, *await signed_but_false(scene, server), ("nothing", "")]:
        for way, (target, headers) in enumerate(ways(token)):
            code = await close_code(server.url, target, headers)
            assert code in ({4401, 400} if way else {4401}), (name, way)
    assert server.app.raw.open_lines == {}
    assert server.app._gate.connections == 0


async def test_a_guest_and_a_token_that_has_run_out_open_none_either(
    scene: Scene, server: RunningServer, later: Later
) -> None:
    guest = (await scene.done(None, "POST /api/auth/guest", {}))["token"]
    for target, headers in ways(guest):
        assert await close_code(server.url, target, headers) == 4403
    await later(seconds=ACCESS_LIFE_S)
    for target, headers in ways(scene.alice.token):
        assert await close_code(server.url, target, headers) == 4401


async def test_a_token_counts_only_where_it_belongs(scene: Scene, server: RunningServer) -> None:
    token = scene.alice.token
    for target, headers in (
        (f"{PATH}?access_token={token}&jwt={token}&Token={token}", {}),
        (f"{PATH}#token={token}".replace("#", "%23"), {}),
        (PATH, {"Cookie": f"token={token}; hushwire-registration={token}; Authorization={token}"}),
        (PATH, {"Authorization": f"Basic {token}"}),
        (PATH, {"Authorization": token}),
        (PATH, {"X-Authorization": f"Bearer {token}", "X-User-Id": scene.alice.user_id}),
        (PATH, {"Sec-WebSocket-Protocol": token}),
        (PATH, {"Sec-WebSocket-Protocol": f"{token}, bearer"}),
        (PATH, {"Sec-WebSocket-Protocol": f"chat, bearer, {token}"}),
        (PATH, {"Sec-WebSocket-Protocol": f"bearer, {token}, chat"}),
        # What is shown first must be good: nothing is tried in turn.
        (f"{PATH}?token={token}", {"Authorization": "Bearer nonsense"}),
    ):
        code = await close_code(server.url, target, headers)
        assert code in (4401, 404), (target, headers)
    assert server.app.raw.open_lines == {}


async def test_no_way_to_show_a_token_leaves_it_in_a_log(
    scene: Scene, server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = (scene.alice.token, scene.alice.token[:-4], scene.alice.refresh_token)
    for token in tokens:
        asked = f"{PATH}?token={token}"
        async with Client(server.url, PATH) as one:
            await one.open(token)
            await one.send("auth", {"token": token})
            await one.send(token, {token: token}, ref=token[:60])
        await exchange(server.url, head("GET", asked))
        await exchange(server.url, head("GET", asked, {**UPGRADE, "Origin": "https://a.example"}))
        await exchange(server.url, head("GET", asked, {**UPGRADE, "Sec-WebSocket-Version": "8"}))
        await exchange(server.url, head("POST", asked, UPGRADE))
        await exchange(server.url, head("GET", f"/nowhere{asked}", UPGRADE))

    logged = "\n".join(f"{record.__dict__} {record.getMessage()}" for record in caplog.records)
    assert "raw" in logged or "http" in logged
    for token in tokens:
        assert token[20:60] not in logged


@configured(CLIENT_URL=PAGE)
async def test_no_page_from_elsewhere_opens_a_socket_with_what_a_browser_sends_along(
    scene: Scene, server: RunningServer
) -> None:
    token = scene.alice.token
    cookie = {"Cookie": f"hushwire-registration={token}; token={token}"}
    for origin, (target, headers) in itertools.product(STRANGERS, [(PATH, cookie), *ways(token)]):
        asked = {**UPGRADE, **headers, "Origin": origin}
        reply = await exchange(server.url, head("GET", target, asked))
        assert reply.status == 403, (origin, target)
        assert reply.json["code"] == "origin_refused"
    # Nor does our own page without a token: a cookie signs nobody in.
    assert await close_code(server.url, PATH, {**cookie, "Origin": PAGE}) == 4401
    assert server.app._gate.connections == 0


async def test_one_user_has_so_many_sockets_however_many_are_opened_at_once(
    scene: Scene, server: RunningServer, connect: Open
) -> None:
    bob = await connect(scene.bob)
    extra = 10
    many = [Client(server.url, PATH) for _ in range(MAX_LINES_OF_USER + extra)]
    await asyncio.gather(*(one.open(scene.alice.token) for one in many))
    await until(lambda: sum(one.is_ended for one in many) == extra)

    refused = [one for one in many if one.is_ended]
    assert {one.close_code for one in refused} == {1008}
    await asyncio.gather(*(one.beat() for one in many if not one.is_ended))
    await bob.beat()
    await asyncio.gather(*(one.leave() for one in many))
    await until(lambda: server.app._gate.connections == 1)
    await connect(scene.alice)


@configured(RATE_LIMITS="on", MAX_ADDRESS_CONNECTIONS=3)
async def test_one_address_has_so_many_sockets_and_others_come_in(
    scene: Scene, server: RunningServer, connect: Open
) -> None:
    wish = head("GET", f"{PATH}?token={scene.mallory.token}", UPGRADE)
    async with (
        connected(server.url, "127.0.0.9") as first,
        connected(server.url, "127.0.0.9") as second,
        connected(server.url, "127.0.0.9") as third,
    ):
        for reader, writer in (first, second, third):
            writer.write(wish)
            assert (await read_reply(reader)).status == 101
        spoofed = head("GET", PATH, {**UPGRADE, "X-Forwarded-For": "10.0.0.1"})
        for asked in (wish, spoofed):
            refused = await exchange(server.url, asked, peer="127.0.0.9")
            assert (refused.status, refused.json["code"]) == (429, "too_many_connections")
        await connect(scene.alice)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("DELETE /api/auth/devices/alice-phone", id="revoked"),
        pytest.param("POST /api/auth/logout", id="logged out"),
    ],
)
async def test_nothing_is_done_for_a_socket_whose_sign_in_has_ended(
    scene: Scene, connect: Open, end: str
) -> None:
    """Whoever stole a device goes on sending until it is closed."""
    room_id = scene.ids["roomId"]
    thief, bob = await connect(scene.alice), await connect(scene.bob)
    said = {"roomId": room_id, "encryptedContent": "x"}
    for n in range(50):
        await thief.send("message", {**said, "messageId": f"before {n}"})
    ending = asyncio.create_task(scene.ask(scene.alice, end, {}))
    for n in range(50):
        await thief.send("message", {**said, "messageId": f"meanwhile {n}"})
    assert (await ending).status == 200
    frames = [json.dumps({"type": "message", "payload": {**said, "messageId": f"after {n}"}})
              for n in range(50)]  # fmt: skip
    for text in frames:
        if not thief.socket.closed:
            await thief.socket.send_str(text)

    assert await thief.ended() == 4401
    await bob.beat()
    history = await scene.done(scene.bob, f"GET /api/messages/room/{room_id}?limit=200")
    stored = [one["messageId"] for one in history["data"]["messages"]]
    assert [one for one in stored if one.startswith("after")] == []


async def test_a_token_that_has_run_out_does_nothing_before_anybody_has_noticed(
    scene: Scene, connect: Open, clock: ManualClock
) -> None:
    """The reaper looks twice a second, and later if a store keeps it waiting."""
    alice = await connect(scene.alice)
    clock.advance(seconds=ACCESS_LIFE_S)
    said = {"roomId": scene.ids["roomId"], "encryptedContent": "x"}
    for name, payload in (("message", said), ("presence", {}), ("heartbeat", {})):
        answer = await alice.ask(name, **payload)
        assert (answer["type"], answer["code"]) == ("error", "token_expired"), name

    spent = {"refreshToken": scene.alice.refresh_token}
    renewed = (await scene.done(None, "POST /api/auth/refresh", spent))["data"]
    assert (await alice.ask("auth", token=renewed["accessToken"]))["type"] == "auth_ok"
    assert (await alice.ask("message", **said))["type"] == "message_sent"


@configured(**SMALL)
async def test_who_never_reads_is_cut_or_asked_no_more_and_holds_nobody_up(
    scene: Scene, server: RunningServer, connect: Open
) -> None:
    for listener in server.app._listeners:  # else the kernel takes most of it
        listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    alice = await connect(scene.alice)
    said = {"recipientId": scene.bob.user_id, "encryptedContent": "x" * 15_000}
    async with (
        SlowReader(server.url, scene.bob.token, PATH),
        SlowReader(server.url, scene.mallory.token, PATH) as greedy,
    ):
        asking = asyncio.create_task(ask_for_ever(greedy))
        lines = server.app.raw.open_lines
        await until(lambda: len(lines) == 3)
        [line] = [one for one in lines.values() if one.user.user_id == scene.mallory.user_id]
        await until(lambda: line.inbox._is_held)
        sent = 0
        while not await cut_readers(server):
            assert (await alice.ask("message", **said))["type"] == "message_sent"
            sent += 1
            assert sent * 15_000 < 2 * BOUND_BYTES + KERNEL_BYTES, "kept more than the bound"
        await alice.beat()
        assert line.inbox._is_held
        assert line._connection
        assert line._connection._unsent_bytes() < 2 * BOUND_BYTES
        asking.cancel()
    waiting = await scene.done(scene.bob, "GET /api/messages/offline?limit=200")
    assert len(waiting["data"]["messages"]) == min(sent + 2, 200)


async def ask_for_ever(client: SlowReader) -> None:
    for n in itertools.count():
        await client.send(type="heartbeat", ref=f"{n:0120}")
