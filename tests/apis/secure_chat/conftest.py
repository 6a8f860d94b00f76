"""Servers whose accounts are in each kind of database, and people with accounts there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.core.ids import DeviceId
from tests.apis.secure_chat.people import OpenAccount, Person
from tests.clocks import ManualClock
from tests.installations import MEMORY, THREE, Installation
from tests.postgres_servers import lent_database
from tests.servers import RunningServer


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any], tmp_path: Path
) -> AsyncIterator[RunningServer]:
    """In memory, in a file, or several nodes on one PostgreSQL."""
    async with (
        _database(installation, tmp_path) as url,
        installation.running(clock, **{"DATABASE_URL": url, **settings}) as one,
    ):
        yield one


@asynccontextmanager
async def _database(installation: Installation, folder: Path) -> AsyncIterator[str]:
    if installation is THREE:
        async with lent_database() as url:
            yield url
    else:
        yield "sqlite://:memory:" if installation is MEMORY else f"sqlite://{folder}/data.sqlite3"


@pytest.fixture
def open_account(http: aiohttp.ClientSession, server: RunningServer) -> OpenAccount:
    """Signs somebody up: `alice = await open_account("alice", "phone")`, with that device."""

    async def open_one(name: str, *devices: str) -> Person:
        person = Person(http, name)
        await person.sign_up()
        for device_id in devices:
            token = (await person.log_in(device_id))["registrationToken"]
            pair = await server.chat.logins.claim_registration(
                token, DeviceId(device_id), "127.0.0.1"
            )
            person.tokens[device_id] = pair
        return person

    return open_one


@pytest.fixture
async def alice(open_account: OpenAccount) -> Person:
    """With a phone and a laptop."""
    return await open_account("alice", "phone", "laptop")


@pytest.fixture
async def bob(open_account: OpenAccount) -> Person:
    """With a phone."""
    return await open_account("bob", "phone")
