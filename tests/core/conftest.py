"""The core on stores in memory, with a clock that tests move and ears for what it tells."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from server.stores.sql.migrations import migrate
from tests.clocks import ManualClock
from tests.core.visitors import Core, Visitor
from tests.stores.sql.households import Household

OpenCore = Callable[..., Core]
OpenHousehold = Callable[..., Awaitable[Core]]


@pytest.fixture
def open_core(clock: ManualClock) -> OpenCore:
    """Opens a core with limits of its own: `open_core(rates=Rates(send=Rate(60, 2)))`."""
    return lambda **limits: Core(clock, **limits)


@pytest.fixture
async def open_household(open_core: OpenCore) -> AsyncIterator[OpenHousehold]:
    """Opens a core that has alice, bob and carol."""
    opened: list[Core] = []

    async def open_one(**limits: Any) -> Core:
        core: Core = open_core(**limits)
        opened.append(core)
        await core.database.start()
        await migrate(core.database)
        await Household(core.database).settle("alice", "bob", "carol")
        return core

    yield open_one
    for core in opened:
        await core.database.close()


@pytest.fixture
def core(open_core: OpenCore) -> Core:
    return open_core()


@pytest.fixture
async def alice(core: Core) -> Visitor:
    """The creator of the tea room, and in it."""
    one = core.visitor("alice")
    await one.join(as_creator=True)
    return one


@pytest.fixture
async def bob(core: Core, alice: Visitor) -> Visitor:
    """A member of the tea room."""
    one = core.visitor("bob")
    await one.join()
    return one
