"""The contract's own lines, by the official JavaScript client and `fetch`, and nothing of ours."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from server.transports.api import CHAT
from tests.installations import MEMORY, REDIS, THREE
from tests.node import play_file
from tests.postgres_servers import lent_database
from tests.servers import SECRET

FILE = Path(__file__).parents[2] / "js/workspaces/contract.test.js"

INSTALLATIONS = {"sqlite": MEMORY, "redis": REDIS, "three-nodes": THREE, "balanced": THREE}


@pytest.fixture(params=INSTALLATIONS)
def site(request) -> str:
    """A server alone, one with Redis, and three nodes: by turns, and behind nginx."""
    name: str = request.param
    return name


@pytest.fixture
async def urls(site, tmp_path) -> AsyncIterator[list[str]]:
    installation = INSTALLATIONS[site]
    async with AsyncExitStack() as stack:
        database = f"sqlite://{tmp_path}/data.sqlite3"
        if installation is THREE:
            database = await stack.enter_async_context(lent_database())
        settings = {"DATABASE_URL": database, "JWT_SECRET": SECRET, "DATA_DIR": tmp_path}
        server = await stack.enter_async_context(installation.running(**settings))
        yield [server.url] if site == "balanced" else server.node_urls


@pytest.mark.parametrize("namespace", [CHAT, ""])
async def test_a_client_written_from_the_contract_passes_end_to_end(urls, namespace):
    went_well, said = await play_file(
        FILE,
        SERVER_URLS=",".join(urls),
        NAMESPACE=namespace,
        JWT_SECRET=SECRET,
        PATH=os.environ["PATH"],
    )

    assert went_well, said
