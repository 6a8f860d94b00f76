"""RFC 6455: the opening handshake."""

import asyncio
import base64

import pytest

from tests.conformance.frames import WebSocket, accept_of, message, websocket
from tests.servers import RunningServer
from tests.transports.wire import UPGRADE, WEBSOCKET, Reply, connected, exchange, head, read_reply

Headers = dict[str, str | None]


async def handshake(url: str, changes: Headers | None = None, method: str = "GET") -> Reply:
    """Ask for a WebSocket with these headers changed, or left out where they are None."""
    headers = {**UPGRADE, **(changes or {})}
    kept = {name: value for name, value in headers.items() if value is not None}
    return await exchange(url, head(method, WEBSOCKET, kept))


@pytest.mark.parametrize("key", ["dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="])
async def test_the_key_is_accepted(key: str, engine: RunningServer) -> None:
    reply = await handshake(engine.url, {"Sec-WebSocket-Key": key})

    assert reply.status == 101
    assert reply.headers["sec-websocket-accept"] == accept_of(key)
    assert reply.headers["upgrade"].lower() == "websocket"
    assert reply.headers["connection"].lower() == "upgrade"
    assert "sec-websocket-extensions" not in reply.headers
    assert "sec-websocket-protocol" not in reply.headers


async def test_the_example_of_the_rfc_is_answered_as_there(engine: RunningServer) -> None:
    reply = await handshake(engine.url)

    assert reply.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


SPELLINGS: dict[str, dict[str, str]] = {
    "several tokens": {"Connection": "keep-alive, Upgrade"},
    "tokens without blanks": {"Connection": "foo,upgrade,bar"},
    "another case": {"Connection": "UPGRADE", "Upgrade": "WebSocket"},
    "blanks around": {"Connection": " \t Upgrade ", "Sec-WebSocket-Version": " 13 "},
    "offers that are not taken": {
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol": "chat, superchat",
    },
}


@pytest.mark.parametrize("headers", SPELLINGS.values(), ids=SPELLINGS)
async def test_a_handshake_may_have(headers: dict[str, str], engine: RunningServer) -> None:
    async with websocket(engine.url, headers=headers) as line:
        await check_echo(line)


async def check_echo(line: WebSocket) -> None:
    assert str(await line.read())[0] == "0"
    await line.send("4hello")
    assert await line.read() == "4hello"


async def test_names_of_headers_may_have_any_case(engine: RunningServer) -> None:
    headers = {name.upper(): value for name, value in UPGRADE.items()}

    reply = await exchange(engine.url, head("GET", WEBSOCKET, headers))

    assert reply.status == 101


def _key(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


REFUSED: dict[str, Headers] = {
    "no key": {"Sec-WebSocket-Key": None},
    "an empty key": {"Sec-WebSocket-Key": ""},
    "a key that is no base64": {"Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!=="},
    "a short key": {"Sec-WebSocket-Key": _key(15)},
    "a long key": {"Sec-WebSocket-Key": _key(17)},
    "a key without padding": {"Sec-WebSocket-Key": _key(16).rstrip("=")},
    "no upgrade": {"Upgrade": None},
    "another upgrade": {"Upgrade": "h2c"},
    "no connection": {"Connection": None},
    "another connection": {"Connection": "keep-alive"},
    "a connection that only looks so": {"Connection": "upgrades, not-upgrade"},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_a_handshake_is_refused_with(headers: Headers, engine: RunningServer) -> None:
    assert (await handshake(engine.url, headers)).status == 400


@pytest.mark.parametrize("version", [None, "", "12", "14", "8", "13.0", "x"])
async def test_another_version_is_refused(version: str | None, engine: RunningServer) -> None:
    reply = await handshake(engine.url, {"Sec-WebSocket-Version": version})

    assert reply.status in (400, 426)
    if reply.status == 426:
        assert reply.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS"])
async def test_another_method_is_refused(method: str, engine: RunningServer) -> None:
    reply = await handshake(engine.url, method=method)

    assert reply.status != 101


async def test_http_before_version_1_1_is_refused(engine: RunningServer) -> None:
    request = head("GET", WEBSOCKET, UPGRADE).replace(b"HTTP/1.1", b"HTTP/1.0")

    assert (await exchange(engine.url, request)).status == 400


async def test_a_refusal_says_nothing_behind_its_end(engine: RunningServer) -> None:
    refused = head("GET", WEBSOCKET, {**UPGRADE, "Sec-WebSocket-Key": "short"})

    async with connected(engine.url) as (reader, writer), asyncio.timeout(5):
        writer.write(refused)
        assert (await read_reply(reader)).status == 400
        writer.write(head("GET", "/health", {"Connection": "close"}))
        rest = await reader.read()

    # Either the connection has ended, or it goes on with HTTP.
    assert rest == b"" or rest.startswith(b"HTTP/1.1 200")


async def test_a_kept_alive_connection_may_become_a_websocket(engine: RunningServer) -> None:
    async with connected(engine.url) as (reader, writer), asyncio.timeout(5):
        for _ in range(2):
            writer.write(head("GET", "/health"))
            assert (await read_reply(reader)).status == 200

        writer.write(head("GET", WEBSOCKET, UPGRADE))
        assert (await read_reply(reader)).status == 101
        await check_echo(WebSocket(reader, writer))


async def test_a_handshake_may_follow_a_request_in_its_segment(engine: RunningServer) -> None:
    async with connected(engine.url) as (reader, writer), asyncio.timeout(5):
        writer.write(head("GET", "/health") + head("GET", WEBSOCKET, UPGRADE))
        assert (await read_reply(reader)).status == 200
        assert (await read_reply(reader)).status == 101
        await check_echo(WebSocket(reader, writer))


async def test_frames_may_come_in_the_segment_of_the_handshake(engine: RunningServer) -> None:
    frames = message("4one") + message("4two") + message("4three")[:4]

    async with websocket(engine.url, first=frames) as line:
        await line.write(message("4three")[4:])

        assert str(await line.read())[0] == "0"
        assert await line.read_many(3) == ["4one", "4two", "4three"]


async def test_a_handshake_may_come_in_pieces(engine: RunningServer) -> None:
    request = head("GET", WEBSOCKET, UPGRADE) + message("4hello")

    async with connected(engine.url) as (reader, writer), asyncio.timeout(5):
        for start in range(0, len(request), 7):
            writer.write(request[start : start + 7])
            await writer.drain()
            await asyncio.sleep(0)  # gives the server its turn

        assert (await read_reply(reader)).status == 101
        line = WebSocket(reader, writer)
        assert str(await line.read())[0] == "0"
        assert await line.read() == "4hello"


async def test_a_handshake_may_come_in_two_pieces_cut_anywhere(engine: RunningServer) -> None:
    request = head("GET", WEBSOCKET, UPGRADE) + message("4hello")

    for cut in range(1, len(request), 3):
        async with connected(engine.url) as (reader, writer), asyncio.timeout(5):
            line = WebSocket(reader, writer)
            await line.write(request[:cut], request[cut:])

            assert (await read_reply(reader)).status == 101
            assert str(await line.read())[0] == "0"
            assert await line.read() == "4hello"


async def test_other_requests_are_answered_beside_a_websocket(engine: RunningServer) -> None:
    async with websocket(engine.url) as line:
        assert (await exchange(engine.url, head("GET", "/health"))).status == 200

        await check_echo(line)
