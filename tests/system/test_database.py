"""The database under a running server: made at the start, refused if it cannot be used, watched."""

import asyncio
import signal

import aiohttp
import pytest

from tests.postgres_servers import PostgresServer, new_database
from tests.servers import ADMIN_TOKEN, MASTER_KEY, SECRET, running
from tests.system.processes import run, server_process

SHARED = {"JWT_SECRET": SECRET, "ADMIN_TOKEN": ADMIN_TOKEN, "MASTER_KEY": MASTER_KEY}


@pytest.fixture
def postgres():
    """A server of PostgreSQL that a test may harm."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


async def readiness(url):
    async with aiohttp.ClientSession() as session, session.get(f"{url}/ready") as answer:
        return answer.status


async def becomes(url, status):
    """Wait until `/ready` answers with this status."""
    async with asyncio.timeout(20):
        while await readiness(url) != status:
            await asyncio.sleep(0.05)


def test_the_first_start_makes_a_file_that_nobody_else_may_read(tmp_path):
    with server_process(tmp_path):
        pass
    file = tmp_path / "data/hushwire.sqlite3"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///nowhere/at/all.db", "/nowhere/at/all.db"),
        ("postgresql://a@127.0.0.1:1/none", "PostgreSQL"),
    ],
)
def test_without_its_database_it_does_not_start(tmp_path, url, said):
    refused = run(tmp_path, DATABASE_URL=url, **SHARED)
    assert refused.returncode == 3
    assert "DATABASE_URL: " in refused.stderr
    assert said in refused.stderr


def test_a_file_that_is_no_database_is_told_and_left_as_it_is(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear Alice, " * 100)
    refused = run(tmp_path, DATABASE_URL=f"sqlite://{file}")
    assert refused.returncode == 3
    assert "not a database" in refused.stderr
    assert file.read_text() == "Dear Alice, " * 100


async def test_a_server_is_ready_only_while_its_database_answers(postgres):
    url = new_database(postgres)
    async with running(DATABASE_URL=url, **SHARED) as server:
        assert await readiness(server.url) == 200
        postgres.stop(signal.SIGQUIT)
        await becomes(server.url, 503)
        postgres.start()
        await becomes(server.url, 200)
