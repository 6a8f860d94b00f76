"""Requests a second end to end: `POST /api/messages/send` with a token, over kept connections.

The people sign up, log in and register their keys as clients do. Each of them writes to one other
over several connections; on each of these a request follows the answer to the one before.
"""

import asyncio
import base64
import json
import os
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp

from scripts.bench_parts.servers import BenchError, Running
from server.core.ids import new_id

PEOPLE = 24
"""More than that may not log in from one address at once."""

CIPHERTEXT = "x" * 400

NONCE = "x" * 32

CREATED = b"HTTP/1.1 201 "

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Posted:
    """What was counted.

    Attributes:
        rate: Requests a second.
        cpu_us: A request, of the server's process with its threads.
        p50_ms, p99_ms: From writing a request to the end of its answer.
    """

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Writer:
    """Somebody with an account and a token, and to whom it writes."""

    token: str
    recipient_id: str


async def measure(server: Running, connections: int, seconds: float) -> Posted:
    """Send for so long.

    Raises:
        BenchError: An answer was not 201.
    """
    writers = await _settle(server.port)
    lines = [await Line.open(server.port) for _ in range(connections)]
    pairs = [(line, writers[number % PEOPLE]) for number, line in enumerate(lines)]
    await asyncio.gather(*(line.post(writer) for line, writer in pairs))
    began_s, began_cpu_s = time.perf_counter(), _cpu_s(server.pid)

    async def talk(line: "Line", writer: Writer) -> list[float]:
        took_s = []
        while time.perf_counter() < began_s + seconds:
            took_s.append(await line.post(writer))
        return took_s

    told = await asyncio.gather(*(talk(*pair) for pair in pairs))
    took_s = sorted(one for some in told for one in some)
    whole_s, cpu_s = time.perf_counter() - began_s, _cpu_s(server.pid) - began_cpu_s
    for line in lines:
        line.close()
    return Posted(
        rate=len(took_s) / whole_s,
        cpu_us=cpu_s / len(took_s) * 1e6,
        p50_ms=statistics.median(took_s) * 1e3,
        p99_ms=took_s[len(took_s) * 99 // 100] * 1e3,
    )


class Line(asyncio.Protocol):
    """A connection that costs the client as little as it can."""

    def __init__(self) -> None:
        self._read = b""
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port: int) -> "Line":
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(cls, "127.0.0.1", port)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n") if found else None
        if length and len(body) >= int(length[1]) and not self._answer.done():
            self._answer.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(BenchError("the server ended a connection"))

    async def post(self, writer: Writer) -> float:
        """Send a message; returns the seconds until it was answered."""
        self._read = b""
        self._answer = asyncio.get_running_loop().create_future()
        began_s = time.perf_counter()
        self._transport.write(_request(writer))
        await self._answer
        if not self._read.startswith(CREATED):
            raise BenchError(f"a message was answered {self._read[:400]!r}")
        return time.perf_counter() - began_s

    def close(self) -> None:
        self._transport.close()


def _request(writer: Writer) -> bytes:
    body = (
        f'{{"messageId":"{new_id()}","recipientId":"{writer.recipient_id}","messageType":"direct",'
        f'"encryptedContent":"{CIPHERTEXT}","encryptionMetadata":{{"nonce":"{NONCE}"}}}}'
    )
    return (
        "POST /api/messages/send HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {writer.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- accounts ---


async def _settle(port: int) -> Sequence[Writer]:
    """Accounts, in pairs that write to each other."""
    limit = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=limit) as http:
        made = [await _sign_up(http, new_id().replace("-", "")[-24:]) for _ in range(PEOPLE)]
    return [Writer(made[at][1], made[at ^ 1][0]) for at in range(PEOPLE)]


async def _sign_up(http: aiohttp.ClientSession, name: str) -> tuple[str, str]:
    """The id of a new account, and a token of its device."""
    password = f"a long word of {name}"
    account = {"username": name, "email": f"{name}@example.com", "password": password}
    made = await _ask(http, "signup", "/api/auth/signup", account)
    login = {"email": account["email"], "password": password, "deviceId": "phone"}
    pending = await _ask(http, "login", "/api/auth/login", login)
    keys = {
        "deviceId": "phone",
        "registrationToken": pending["registrationToken"],
        "publicKey": _key(),
        "identityPublicKey": _key(),
        "signedPreKey": {"keyId": 1, "publicKey": _key(), "signature": _key(64)},
    }
    tokens = await _ask(http, "registering keys", "/api/keys/register", keys)
    return made["userId"], tokens["accessToken"]


def _key(size_bytes: int = 32) -> str:
    return base64.b64encode(os.urandom(size_bytes)).decode()


async def _ask(http: aiohttp.ClientSession, what: str, path: str, body: Any) -> dict[str, Any]:
    async with http.post(path, json=body) as answer:
        said = await answer.read()
        if answer.status not in (200, 201):
            raise BenchError(f"{what} was answered {answer.status}: {said[:400]!r}")
        data: dict[str, Any] = json.loads(said)["data"]
        return data
