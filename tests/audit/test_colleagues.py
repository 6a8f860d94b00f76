"""What workspaces seal is in no file of a database, its log, or Redis; what clients leave open is.

`scripts/audit-blindness` sees the rows of PostgreSQL; here all its files are searched, too.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio

from scripts.audit_parts.colleagues import Colleagues
from scripts.audit_parts.files import Files
from scripts.audit_parts.forms import Needles, Secret
from scripts.demo_parts.secure_chat.device import Account, Device
from tests.audit.conftest import SECRET
from tests.postgres_servers import PostgresServer, new_database
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, MASTER_KEY, until
from tests.servers import SECRET as JWT_SECRET
from tests.system.processes import ServerProcess, server_process

PLAIN = SECRET.split()[1]
"""As a careless client sends it."""


class Place:
    """A server that runs, and where all that it keeps is."""

    def __init__(self, server: ServerProcess, folders: list[Path], *, has_redis: bool) -> None:
        self.url = server.url
        self.has_redis = has_redis
        self._folders = folders

    def found(self, sought: Sequence[Secret], told: Path) -> set[str]:
        """Which of these are in a file, in any form: the database's, its log's, the server's."""
        files = Files(Needles(sought), Needles(sought, cut=True))
        looks = [files.look("files", one) for one in (*self._folders, told)]
        assert all(one.problem is None for one in looks), looks
        return {trace.label for look in looks for trace in look.found}


@pytest.fixture(params=["sqlite", "postgres and redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with server_process(tmp_path) as server:
            yield Place(server, [tmp_path], has_redis=False)
        return
    postgres = PostgresServer()
    postgres.start()
    settings = {
        "JWT_SECRET": JWT_SECRET,
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "MASTER_KEY": MASTER_KEY,
        "DATABASE_URL": new_database(postgres),
        "REDIS_URL": shared_redis().url,
    }
    with server_process(tmp_path, **settings) as server:
        yield Place(server, [tmp_path, postgres._data], has_redis=True)
    postgres.remove()


@pytest.fixture
async def asked_of_redis() -> AsyncIterator[list[str]]:
    """All that anybody has it keep or tell meanwhile."""
    heard: list[str] = []
    client = redis.asyncio.Redis.from_url(shared_redis().url)
    async with client, client.monitor() as monitor:

        async def listen() -> None:
            while True:
                heard.append((await monitor.next_command())["command"])

        task = asyncio.create_task(listen())
        yield heard
        task.cancel()


async def test_what_is_sealed_is_nowhere_and_what_a_client_leaves_open_is_there(
    place, asked_of_redis, tmp_path
):
    async with aiohttp.ClientSession(place.url) as http:
        devices = [Device(http, Account(name), "phone", 2) for name in ("Planter", "Reader")]
        for device in devices:
            await device.enter()
        colleagues = Colleagues(*devices)
        await colleagues.talk()
        await leave_open(devices[0])
    if place.has_redis:
        await until(lambda: PLAIN in "".join(asked_of_redis))
    told = tmp_path / "told"
    told.write_text("\n".join(asked_of_redis))
    assert place.found([*colleagues.secrets, Secret("left open", PLAIN)], told) == {"left open"}


async def leave_open(device: Device) -> None:
    """Send a text as it is into an end-to-end encrypted conversation."""
    made = await device.request("POST", "/chat/workspaces", {"name": "open"})
    wish = {"type": "GROUP", "workspaceId": made["workspace"]["id"], "name": "open"}
    room = await device.request("POST", "/chat/conversations", {**wish, "isEncrypted": True})
    path = f"/chat/conversations/{room['conversation']['id']}/messages"
    await device.request("POST", path, {"content": PLAIN})
