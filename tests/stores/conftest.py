"""Stores of every backend, and the people in their rooms."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.ports import RateLimiter
from tests.clocks import ManualClock
from tests.stores.backends import Backend, backends_for
from tests.stores.guests import POLICY, Guest, House
from tests.stores.strangers import POLICY as GROUP_POLICY
from tests.stores.strangers import Plaza

OpenHouse = Callable[..., Awaitable[House]]
OpenPlaza = Callable[..., Awaitable[Plaza]]


_PARTS = {"rooms": "rooms", "groups": "groups", "broker": "brokers", "rates": "limiter"}
"""What each test file's name says it is about, and what a backend must have for it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a backend on each that has what the test is about."""
    if "backend" in metafunc.fixturenames:
        file = metafunc.module.__name__.rpartition(".")[2]
        having = backends_for(_PARTS[file.split("_")[1]], file)
        metafunc.parametrize("backend", having, ids=lambda one: one.name)


@pytest.fixture
async def open_house(backend: Backend, clock: ManualClock) -> AsyncIterator[OpenHouse]:
    """Opens a store with a policy and bounds of its own: `await open_house(rooms=2)`."""
    async with AsyncExitStack() as opened:

        async def open_one(policy: Policy = POLICY, **bounds: int) -> House:
            rooms = await opened.enter_async_context(backend.rooms(Bounds(**bounds)))
            return House(rooms, policy, clock)

        yield open_one


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    return await open_house()


@pytest.fixture
async def open_plaza(backend: Backend, clock: ManualClock) -> AsyncIterator[OpenPlaza]:
    """Opens a store of groups with a policy and bounds of its own: `await open_plaza(groups=2)`."""
    async with AsyncExitStack() as opened:

        async def open_one(policy: Policy = GROUP_POLICY, **bounds: int) -> Plaza:
            groups = await opened.enter_async_context(backend.groups(policy, Bounds(**bounds)))
            return Plaza(groups, policy, clock)

        yield open_one


@pytest.fixture
async def plaza(open_plaza: OpenPlaza) -> Plaza:
    return await open_plaza()


@pytest.fixture
async def limiter(backend: Backend) -> AsyncIterator[RateLimiter]:
    async with backend.limiter() as one:
        yield one


@pytest.fixture
async def alice(house: House) -> Guest:
    """The creator of the tea room, and in it."""
    one = house.guest("alice")
    await one.join(as_creator=True, public_key="alice's key")
    return one


@pytest.fixture
async def bob(house: House, alice: Guest) -> Guest:
    """A member of the tea room."""
    one = house.guest("bob")
    await one.join(public_key="bob's key")
    return one


@pytest.fixture
def carol(house: House) -> Guest:
    """Not in the tea room yet."""
    return house.guest("carol")
