"""Servers whose accounts are in each kind of database, and people with accounts there."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from server.core.ids import DeviceId
from tests.apis.secure_chat.people import OpenAccount, Person
from tests.clocks import ManualClock
from tests.installations import MEMORY, THREE, Installation
from tests.postgres_servers import new_database
from tests.servers import RunningServer


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any], tmp_path
) -> AsyncIterator[RunningServer]:
    """In memory, in a file, or several nodes on one PostgreSQL."""
    databases = {MEMORY.name: "sqlite://:memory:", THREE.name: None}
    url = databases.get(installation.name, f"sqlite://{tmp_path}/data.sqlite3") or new_database()
    async with installation.running(clock, **{"DATABASE_URL": url, **settings}) as one:
        yield one


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
