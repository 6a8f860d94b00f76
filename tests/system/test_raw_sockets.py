"""Raw WebSockets on a server of many workers: users hear of each other wherever they are."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.test_tls import Certificate, certificate
from tests.servers import ADMIN_TOKEN, until
from tests.system.processes import PYTHON, ServerProcess, server_process
from tests.transports.raw.sockets import JWT_SECRET, Client, token

__all__ = ["certificate"]

WORKERS = 2
DEVICES = 12

WITH_LETTERS = """
from server import app, opening
from tests.transports.raw.letters import Office

office = Office()
office.members["tea"] = ("alice", "bob")
opening.opened.__kwdefaults__["apis"] = (*app.APIS, office.api())
"""
"""Python runs it at the start of each process. Each keeps letters of its own."""


@pytest.fixture(params=["plain", "TLS"])
async def server(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate
) -> AsyncIterator[tuple[ServerProcess, ssl.SSLContext | bool]]:
    """A server whose API is that of the letters, and whom its clients trust."""
    (tmp_path / "sitecustomize.py").write_text(WITH_LETTERS)
    is_tls = request.param == "TLS"
    tls = {"TLS_CERT": certificate.cert, "TLS_KEY": certificate.key} if is_tls else {}
    settings = {"JWT_SECRET": JWT_SECRET, "ADMIN_TOKEN": ADMIN_TOKEN, "DRAIN_S": 4, **tls}
    path = f"{tmp_path}:{PYTHON['PYTHONPATH']}"
    with server_process(tmp_path, WORKERS=WORKERS, PYTHONPATH=path, **settings) as one:
        yield one, certificate.trust if is_tls else True


async def test_users_hear_each_other_across_workers_and_are_sent_away_at_the_end(
    server: tuple[ServerProcess, ssl.SSLContext | bool],
) -> None:
    process, trust = server
    async with AsyncExitStack() as stack:

        async def meet(user: str, device: str) -> Client:
            client = await stack.enter_async_context(Client(process.url))
            await client.open(token(user, device), ssl=trust)
            await client.beat()
            return client

        alice = await meet("alice", "phone")
        bobs = [await meet("bob", f"device {n}") for n in range(DEVICES)]
        counts = await open_by_worker(alice, process, trust)
        assert sum(counts) == DEVICES + 1
        assert len(counts) == WORKERS
        assert min(counts) > 0

        await alice.send("say", {"to": ["bob"], "text": "psst"})
        for n in range(10):
            await alice.ask("post", room="tea", text=str(n))
        for bob in bobs:
            await bob.hears(*map(str, range(10)))
            await until(lambda: bob.all("whisper"))  # noqa: B023

        stopping = asyncio.create_task(asyncio.to_thread(process.stop))
        assert [await one.ended() for one in (alice, *bobs)] == [1012] * (DEVICES + 1)
    assert (await stopping).status == 0
    assert '"exception"' not in process.log
    assert "eyJ" not in process.log


async def open_by_worker(
    client: Client, process: ServerProcess, trust: ssl.SSLContext | bool
) -> list[float]:
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with client._http.get(f"{process.url}/metrics", headers=headers, ssl=trust) as answer:
        page = await answer.text()
    families = {one.name: one for one in text_string_to_metric_families(page)}
    return [sample.value for sample in families["hushwire_raw_connections"].samples]
