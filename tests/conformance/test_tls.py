"""The same over TLS, where TLS_CERT and TLS_KEY name a certificate and its key."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import socketio
from msgspec import Struct

from server.settings import SettingsError
from tests.conformance.app import EchoServer, engineio_echo, socketio_echo
from tests.conformance.conftest import QUIET
from tests.conformance.frames import PING, PONG, Frame, frame, message, websocket
from tests.servers import until
from tests.transports.wire import POLLING, WEBSOCKET, head, read_reply


class Certificate(Struct, frozen=True):
    """A certificate of 127.0.0.1 which vouches for itself, and its key."""

    cert: Path
    key: Path

    @property
    def settings(self) -> dict[str, object]:
        return {"TLS_CERT": self.cert, "TLS_KEY": self.key, **QUIET}

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs that believes in this certificate and in no other."""
        return ssl.create_default_context(cafile=str(self.cert))


_OPENSSL = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=IP:127.0.0.1,DNS:localhost",
    "-addext",
    "keyUsage=critical,digitalSignature,keyCertSign",
]


def make_certificate(folder: Path, name: str = "server") -> Certificate:
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(
        [*_OPENSSL, "-keyout", str(made.key), "-out", str(made.cert)],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
    )
    return made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def secured(url: str) -> str:
    return "https://" + url.partition("://")[2]


@pytest.fixture
async def engine_url(certificate: Certificate) -> AsyncIterator[str]:
    """Of a server that echoes Engine.IO messages."""
    async with engineio_echo(**certificate.settings) as server:
        yield secured(server.url)


@pytest.fixture
async def sockets(certificate: Certificate) -> AsyncIterator[EchoServer]:
    async with socketio_echo(**certificate.settings) as server:
        yield server


@pytest.fixture
async def http(certificate: Certificate) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=certificate.trust)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def test_http_is_answered(engine_url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{engine_url}/health") as response:
        assert response.status == 200


async def test_polling_brings_what_was_sent(engine_url: str, http: aiohttp.ClientSession) -> None:
    async with http.get(engine_url + POLLING) as response:
        sid = json.loads((await response.text())[1:])["sid"]
    session_url = f"{engine_url}{POLLING}&sid={sid}"
    body = "4" + "long " * 100_000

    async with http.post(session_url, data=body) as response:
        assert (response.status, await response.text()) == (200, "ok")
    async with http.get(session_url) as response:
        assert await response.text() == body


async def test_a_websocket_brings_what_was_sent(engine_url: str, certificate: Certificate) -> None:
    sent: list[str | bytes] = ["4hello €", b"\0\1", "4" + "x" * 900_000, bytes(900_000)]

    async with websocket(engine_url, context=certificate.trust) as line:
        assert str(await line.read())[0] == "0"
        for one in sent:
            await line.send(one)
            assert await line.read() == one


async def test_frames_may_come_in_the_record_of_the_handshake(
    engine_url: str, certificate: Certificate
) -> None:
    frames = message("4one") + frame(PING, b"x") + message("4two")

    async with websocket(engine_url, first=frames, context=certificate.trust) as line:
        assert str(await line.read())[0] == "0"
        assert await line.read() == "4one"
        assert await line.read_frame() == Frame(PONG, b"x")
        assert await line.read() == "4two"


async def test_a_websocket_is_closed_by_both_sides(
    engine_url: str, certificate: Certificate
) -> None:
    async with websocket(engine_url, context=certificate.trust) as line:
        await line.close(4000)

        assert await line.ended() == 4000


async def test_a_session_moves_to_its_websocket(
    engine_url: str, certificate: Certificate, http: aiohttp.ClientSession
) -> None:
    async with http.get(engine_url + POLLING) as response:
        sid = json.loads((await response.text())[1:])["sid"]

    target, trust = f"{WEBSOCKET}&sid={sid}", certificate.trust
    async with websocket(engine_url, target, message("2probe"), trust) as line:
        assert await line.read() == "3probe"
        await line.send("5", "4hello")

        assert await line.read() == "4hello"


async def test_a_kept_alive_connection_may_become_a_websocket(
    engine_url: str, certificate: Certificate, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{engine_url}/health"):
        pass
    async with http.ws_connect(engine_url + WEBSOCKET) as line:
        assert (await line.receive_str())[0] == "0"
        await line.send_str("4hello")

        assert await line.receive_str() == "4hello"


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
async def test_an_official_client_talks(
    transports: list[str], sockets: EchoServer, http: aiohttp.ClientSession
) -> None:
    heard: list[tuple[object, ...]] = []
    client = socketio.AsyncClient(http_session=http, reconnection=False)
    client.on("message-back", lambda *data: heard.append(data))
    try:
        await client.connect(secured(sockets.url), transports=transports)
        await client.emit("message", ("hello", b"\1\2", {"a": [b"\3"]}))

        await until(lambda: heard)
        assert heard == [("hello", b"\1\2", {"a": [b"\3"]})]
        assert await client.call("message-with-ack", "again", timeout=5) == "again"
        assert client.transport() == transports[-1]
    finally:
        await client.disconnect()


async def test_who_speaks_no_tls_gets_nothing_and_harms_nobody(
    engine_url: str, http: aiohttp.ClientSession
) -> None:
    host, port = engine_url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head("GET", "/health"))
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.transport.abort()

    assert b"HTTP/1.1 200" not in said
    async with http.get(f"{engine_url}/health") as response:
        assert response.status == 200


async def test_a_client_of_another_trust_goes_away(sockets: EchoServer, tmp_path: Path) -> None:
    stranger = make_certificate(tmp_path, "stranger")

    with pytest.raises(ssl.SSLCertVerificationError):
        async with websocket(secured(sockets.url), context=stranger.trust):
            pass


async def test_old_tls_is_refused(engine_url: str, certificate: Certificate) -> None:
    host, port = engine_url.removeprefix("https://").split(":")
    context = certificate.trust
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = version
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(head("GET", "/health"))
        assert (await read_reply(reader)).status == 200
        writer.transport.abort()

    context.set_ciphers("ALL:@SECLEVEL=0")  # else our own side would refuse
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    # The server's doing, by an alert or by hanging up, and not that of our own library.
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"ALERT|EOF|reset"):
        await asyncio.to_thread(shake_hands, host, int(port), context)


def shake_hands(host: str, port: int, context: ssl.SSLContext) -> None:
    with (
        socket.create_connection((host, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host),
    ):
        pass


@pytest.mark.parametrize("missing", ["TLS_CERT", "TLS_KEY"])
async def test_a_certificate_and_its_key_go_together(
    missing: str, certificate: Certificate
) -> None:
    alone = {name: one for name, one in certificate.settings.items() if name != missing}

    with pytest.raises(SettingsError, match=r"TLS_CERT|TLS_KEY"):
        async with engineio_echo(**alone):
            pass


async def test_a_certificate_that_is_none_is_refused(
    certificate: Certificate, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("this is no certificate")

    with pytest.raises(SettingsError, match="TLS_CERT"):
        async with engineio_echo(**{**certificate.settings, "TLS_CERT": broken}):
            pass


async def test_a_key_of_another_certificate_is_refused(
    certificate: Certificate, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path, "other")

    with pytest.raises(SettingsError, match=r"TLS_CERT|TLS_KEY"):
        async with engineio_echo(**{**certificate.settings, "TLS_KEY": other.key}):
            pass


# --- renewal ---


async def shown(url: str) -> bytes:
    """The certificate that the server shows, whoever vouches for it."""
    host, port = url.partition("://")[2].split(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    told = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    assert isinstance(told, bytes)
    return told


async def test_a_renewed_certificate_is_shown_to_the_next(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with socketio_echo(**certificate.settings) as server:
        first = await shown(server.url)
        make_certificate(tmp_path)
        assert await shown(server.url) == first

        server.app.reload_certificate()

        assert await shown(server.url) != first


async def test_a_broken_renewal_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = make_certificate(tmp_path)
    async with socketio_echo(**certificate.settings) as server:
        first = await shown(server.url)
        certificate.cert.write_text("not yet written")

        server.app.reload_certificate()

        assert await shown(server.url) == first
        assert "certificate_not_reloaded" in caplog.messages
