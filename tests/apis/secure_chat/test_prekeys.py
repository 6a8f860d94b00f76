"""One-time prekeys over all nodes: each is handed out once, and owners hear when few are left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import cycle, islice
from typing import Any

import aiohttp
import pytest

from server.core.ids import DeviceId
from tests.apis.secure_chat.keyrings import numbered
from tests.apis.secure_chat.people import Person, Register, call
from tests.apis.session_relay.sessions import configured
from tests.servers import RunningServer, until
from tests.stores.sql.accounts import NOW_MS, new_account, sign_in
from tests.transports.raw.sockets import Client

Fetch = Callable[..., Awaitable[Any]]


@pytest.fixture
async def fetch(server: RunningServer) -> AsyncIterator[Fetch]:
    """The prekey that is claimed of a phone, at each node in turn: `await fetch(alice, token)`."""
    async with AsyncExitStack() as stack:
        ways = [
            await stack.enter_async_context(aiohttp.ClientSession(url)) for url in server.node_urls
        ]
        turns = cycle(ways)

        async def one(owner: Person, token: str) -> Any:
            path = f"/api/keys/user/{owner.user_id}"
            status, answer = await call(next(turns), "GET", path, token=token)
            while (
                status == 503
            ):  # so many wait for a connection to the database: nothing is claimed
                status, answer = await call(next(turns), "GET", path, token=token)
            assert status == 200, answer
            (phone,) = [one for one in answer["data"]["devices"] if one["deviceId"] == "phone"]
            return phone["oneTimePreKey"] and phone["oneTimePreKey"]["keyId"]

        yield one


async def enter(server: RunningServer, name: str) -> str:
    """The access token of somebody new, whose password nobody has to hash."""
    chat, phone = server.chat, DeviceId("phone")
    account = await chat.logins._store.sign_up(new_account(name), NOW_MS)
    await chat.logins._store.sign_in(sign_in(account), NOW_MS)
    pair = await chat.logins.claim_registration(f"registration {name} phone", phone, name)
    return pair.access


async def claimed(owner: Person) -> int:
    """How many prekeys of somebody's phone were handed out."""
    status, answer = await owner.ask("GET", "/api/keys/prekeys/stats")
    assert status == 200
    used: int = answer["data"]["used"]
    return used


async def test_a_hundred_accounts_get_a_prekey_each_while_a_greedy_one_gets_five(
    server: RunningServer, register: Register, fetch: Fetch
) -> None:
    alice = await register("alice", 120)
    tokens = [await enter(server, f"user{number}") for number in range(100)]
    greedy = await enter(server, "greedy")

    found = await asyncio.gather(*(fetch(alice, one) for one in [*[greedy] * 50, *tokens]))

    of_greedy, theirs = [one for one in found[:50] if one is not None], found[50:]
    # What is refused as the database is too busy counts for its limit.
    assert 0 < len(of_greedy) <= 5
    assert None not in theirs
    assert sorted(theirs + of_greedy) == list(range(100 + len(of_greedy)))
    assert await claimed(alice) == 100 + len(of_greedy)


@configured(RATE_LIMITS="off")
async def test_of_fifty_prekeys_each_is_given_once_to_a_hundred_fetches_at_once(
    server: RunningServer, register: Register, fetch: Fetch
) -> None:
    alice = await register("alice", 50)
    askers = [await enter(server, name) for name in ("bob", "carol", "dave", "erin")]

    found = await asyncio.gather(*(fetch(alice, one) for one in askers * 25))

    assert sorted(one for one in found if one is not None) == list(range(50))
    assert await fetch(alice, askers[0]) is None


async def test_a_device_that_was_away_hears_that_it_has_few_prekeys_until_it_sends_more(
    server: RunningServer, register: Register, fetch: Fetch
) -> None:
    alice = await register("alice", 21)
    await register("alice", 20, device_id="laptop", person=alice)
    bob = await enter(server, "bob")
    for _ in range(3):
        await fetch(alice, bob)

    async def told(device_id: str = "phone") -> list[int]:
        """What a device hears on connecting."""
        async with Client(server.node_urls[-1], "/ws") as client:
            await client.open(alice.tokens[device_id].access)
            await client.beat()
            return [low["remaining"] for low in client.all("prekeys_low")]

    assert [await told(), await told(), await told("laptop")] == [[18], [18], [17]]
    more = {"preKeys": numbered(range(100, 102))}
    assert (await alice.ask("POST", "/api/keys/prekeys", more))[0] == 200
    assert [await told(), await told("laptop")] == [[], [17]]


@configured(RATE_LIMITS="off")
async def test_a_device_hears_once_each_time_its_prekeys_become_few(
    server: RunningServer, register: Register, fetch: Fetch
) -> None:
    alice = await register("alice", 25)
    await register("alice", 100, device_id="laptop", person=alice)
    bob = await enter(server, "bob")

    async def fetch_many(count: int) -> None:
        await asyncio.gather(*(fetch(alice, bob) for _ in range(count)))

    async with AsyncExitStack() as stack:
        urls = islice(cycle(server.node_urls), 1, 4)  # not the one that most is asked of
        phone, tab, laptop = [await stack.enter_async_context(Client(url, "/ws")) for url in urls]
        for one, device_id in ((phone, "phone"), (tab, "phone"), (laptop, "laptop")):
            await one.open(alice.tokens[device_id].access)
            await one.beat()

        async def told(times: int) -> list[int]:
            """What the phone has heard, once it has so often; and the tab, the same."""
            for one in (phone, tab):
                await until(lambda: len(one.all("prekeys_low")) >= times)  # noqa: B023
            assert phone.all("prekeys_low") == tab.all("prekeys_low")
            return [low["remaining"] for low in phone.all("prekeys_low")]

        await fetch_many(5)
        await fetch_many(5)
        (first,) = await told(1)
        await alice.ask("POST", "/api/keys/prekeys", {"preKeys": numbered(range(100, 104))})
        await fetch_many(1)
        await alice.ask("POST", "/api/keys/prekeys", {"preKeys": numbered(range(104, 110))})
        await fetch_many(9)
        _, second, *more = await told(2)

        assert 15 <= first < 20
        assert 15 <= second < 20
        assert more == []
        assert laptop.all("prekeys_low") == []
