"""The core on stores in memory, with a clock that tests move and ears for what it tells."""

from collections.abc import Callable

import pytest

from tests.clocks import ManualClock
from tests.core.visitors import Core, Visitor

OpenCore = Callable[..., Core]


@pytest.fixture
def open_core(clock: ManualClock) -> OpenCore:
    """Opens a core with limits of its own: `open_core(rates=Rates(send=Rate(60, 2)))`."""
    return lambda **limits: Core(clock, **limits)


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
