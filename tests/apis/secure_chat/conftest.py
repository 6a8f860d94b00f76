"""Servers whose accounts are in each kind of database, and people with accounts there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.core.ids import DeviceId
from server.core.logins import TokenPair
from tests.apis.durable import database
from tests.apis.secure_chat.keyrings import KEYS, Keyring
from tests.apis.secure_chat.people import OpenAccount, Person, Register, call
from tests.clocks import ManualClock
from tests.installations import Installation
from tests.servers import RunningServer


@pytest.fixture
async def server(
    installation: Installation, clock: ManualClock, settings: dict[str, Any], tmp_path: Path
) -> AsyncIterator[RunningServer]:
    """In memory, in a file, or several nodes on one PostgreSQL."""
    async with (
        database(installation, tmp_path) as url,
        installation.running(clock, **{"DATABASE_URL": url, **settings}) as one,
    ):
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
def register(http: aiohttp.ClientSession, open_account: OpenAccount) -> Register:
    """Signs somebody up with a device and its keys: `alice = await register("alice", 50)`."""

    async def one(
        name: str,
        prekeys: int = 0,
        device_id: str = "phone",
        keys: Keyring = KEYS,
        person: Person | None = None,
    ) -> Person:
        person = person or await open_account(name)
        token = (await person.log_in(device_id))["registrationToken"]
        body = {"deviceId": device_id, **keys.first(prekeys)}
        status, answer = await call(http, "POST", "/api/keys/register", body, token)
        assert status == 201, answer
        data = answer["data"]
        person.tokens[device_id] = TokenPair(data["accessToken"], data["refreshToken"], 0)
        return person

    return one


@pytest.fixture
async def alice(open_account: OpenAccount) -> Person:
    """With a phone and a laptop."""
    return await open_account("alice", "phone", "laptop")


@pytest.fixture
async def bob(open_account: OpenAccount) -> Person:
    """With a phone."""
    return await open_account("bob", "phone")
