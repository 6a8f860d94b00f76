"""The contract's own lines, by a client that is written from its text."""

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.apis.event_queue.people import CLIENT_ID, id_token
from tests.installations import MEMORY, THREE
from tests.issuers import ISSUER
from tests.node import play_file
from tests.postgres_servers import lent_database
from tests.servers import ADMIN_TOKEN, SECRET

FILE = Path(__file__).parents[2] / "js/event_queue/contract.test.js"


@pytest.fixture(params=["sqlite", "postgres", "three-nodes"])
async def urls(request, tmp_path, issuer) -> AsyncIterator[list[str]]:
    """Of a server on each database, and of three nodes by turns."""
    installation = THREE if request.param == "three-nodes" else MEMORY
    async with AsyncExitStack() as stack:
        database = f"sqlite://{tmp_path}/data.sqlite3"
        if request.param != "sqlite":
            database = await stack.enter_async_context(lent_database())
        settings = {
            "DATABASE_URL": database,
            "JWT_SECRET": SECRET,
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_ISSUER": ISSUER,
            "GOOGLE_CERTS_URL": issuer.url,
        }
        server = await stack.enter_async_context(installation.running(**settings))
        yield server.node_urls


async def test_a_client_written_from_the_contract_passes_end_to_end(urls, signer):
    now_s = int(time.time())
    times = {"iat": now_s, "exp": now_s + 600}
    tokens = {name: id_token(signer, ISSUER, name, **times) for name in ("alice", "bob")}
    went_well, said = await play_file(
        FILE,
        SERVER_URLS=",".join(urls),
        ID_TOKENS=json.dumps(tokens),
        PATH=os.environ["PATH"],
    )

    assert went_well, said
