"""The contract's own flow, by a client that is written from its text with tweetnacl."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.installations import MEMORY, THREE, Installation
from tests.node import play_file
from tests.postgres_servers import lent_database
from tests.servers import ADMIN_TOKEN, SECRET

FILE = Path(__file__).parents[2] / "js/secure_chat/contract.test.js"


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
    went_well, said = await play_file(FILE, SERVER_URLS=",".join(urls), PATH=os.environ["PATH"])

    assert went_well, said
