"""One large file into a conversation and back, and how much memory that takes the server."""

import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import jwt
import uvloop
from msgspec import Struct

from scripts import children
from tests.system.processes import ServerProcess, server_process

MIB = 1 << 20

MOST_MB = 100
"""That a server may take for a file, however large that is."""

SECRET = "of-the-soak-0123456789-0123456789-0123456789"  # noqa: S105 - of a server of its own

LIMIT_S = 1800


class Carried(Struct, frozen=True):
    """What came of it: seconds, and megabytes more than before at most."""

    up_s: float
    down_s: float
    taken_mb: float
    is_same: bool


def carry(size_mib: int) -> int:
    """Have it done by a server of its own, and print what it took.

    Returns:
        The exit status: 1 if what came back is another, or it took too much.
    """
    settings = {
        "RATE_LIMITS": "off",
        "JWT_SECRET": SECRET,
        "MAX_FILE_BYTES": size_mib * MIB,
        "MAX_ACCOUNT_BYTES": 2 * size_mib * MIB,
    }
    folder = tempfile.TemporaryDirectory()
    with (
        children.ended_with_us(),
        folder,
        server_process(Path(folder.name), **settings) as server,
    ):
        done = uvloop.run(_carried(server, size_mib))
    print(f"{size_mib:9} MiB up in {done.up_s:.1f} s, down in {done.down_s:.1f} s")
    print(f"{done.taken_mb:9.1f} MB more resident than before, at most")
    faults = [] if done.is_same else ["what came back is not what was sent"]
    faults += [f"more than {MOST_MB} MB"] if done.taken_mb >= MOST_MB else []
    print(f"{len(faults):9} faults")
    for fault in faults:
        print("FAULT", fault)
    return 1 if faults else 0


async def _carried(server: ServerProcess, size_mib: int) -> Carried:
    token = jwt.encode({"sub": "alice"}, SECRET, algorithm="HS256")
    told = {"Authorization": f"Bearer {token}"}
    limit = aiohttp.ClientTimeout(total=LIMIT_S)
    async with aiohttp.ClientSession(server.url, headers=told, timeout=limit) as http:
        room = await _conversation(http)
        before_mb = server.memory_mb()
        sent, received = hashlib.sha256(), hashlib.sha256()
        began = time.monotonic()
        url = await _put(http, room, size_mib, sent)
        turned = time.monotonic()
        async with http.get(url) as response:
            async for piece in response.content.iter_chunked(MIB):
                received.update(piece)
        ended = time.monotonic()
    taken_mb = server.memory_mb("VmHWM") - before_mb
    is_same = sent.digest() == received.digest()
    return Carried(turned - began, ended - turned, taken_mb, is_same)


async def _conversation(http: aiohttp.ClientSession) -> str:
    team = (await _made(http, "/chat/workspaces", {"name": "Soak"}))["workspace"]["id"]
    wish = {"type": "GROUP", "name": "files", "workspaceId": team}
    room: str = (await _made(http, "/chat/conversations", wish))["conversation"]["id"]
    return room


async def _made(
    http: aiohttp.ClientSession, path: str, wish: dict[str, str]
) -> dict[str, dict[str, str]]:
    async with http.post(path, json=wish) as response:
        told: dict[str, dict[str, str]] = await response.json()
        assert response.status == 201, told
        return told


async def _put(
    http: aiohttp.ClientSession, room: str, size_mib: int, noted: "hashlib._Hash"
) -> str:
    """Send so much, of which no piece is like another. Returns where it is."""
    block = os.urandom(MIB)

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(size_mib):
            piece = number.to_bytes(8, "big") + block[8:]
            noted.update(piece)
            yield piece

    size = {"Content-Length": str(size_mib * MIB)}
    path = f"/chat/conversations/{room}/files"
    async with http.post(path, data=pieces(), headers=size) as response:
        told = await response.json()
        assert response.status == 201, told
        url: str = told["file"]["url"]
        return url
