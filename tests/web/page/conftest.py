"""People in one session, through the page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from tests.clocks import ManualClock
from tests.servers import RunningServer, running
from tests.web.page.circle import Circle
from tests.web.page.house import House
from tests.web.page.strangers import Stranger
from tests.web.page.talkers import Talker
from tests.web.visitors import Invite, Visitor

Bring = Callable[..., Awaitable[Talker]]
Meet = Callable[..., Awaitable[list[Talker]]]
Gather = Callable[..., Awaitable[list[Stranger]]]

COLOUR_RULES = ["color-contrast", "link-in-text-block"]

# Where people stand beside the conversation.
WIDE = {"width": 1280, "height": 800}


GRACE_S = 3
"""In which a reload is not noticed by others."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(chromium, request) -> AsyncIterator[House]:
    clock = ManualClock()
    async with running(clock, RECONNECT_GRACE_S=GRACE_S) as relay:
        one = House(chromium, relay, clock, lambda: request.session.testsfailed)
        yield one
        await one.close()


@pytest.fixture
def relay(house: House) -> RunningServer:
    return house.relay


@pytest_asyncio.fixture(loop_scope="session")
async def clock(circle: Circle) -> ManualClock:
    """The server's, which may be moved: those who stay `together` part, and meet again later."""
    await circle.part()
    return circle.clock


@pytest_asyncio.fixture(loop_scope="session")
async def people(house) -> AsyncIterator[Invite]:
    """Brings people with a browser each: `alice = await people()`; see `House.visits`."""
    async with house.visits() as invite:
        yield invite


@pytest.fixture
def talker(people):
    """Brings somebody with an empty tab: `ann = await talker("Ann")`."""

    async def bring(name, **options):
        return Talker(await people(**{"viewport": WIDE, **options}), name)

    return bring


@pytest_asyncio.fixture(loop_scope="session")
async def meet(talker) -> Meet:
    """Brings people together: `ann, bob = await meet("Ann", "Bob")`; the first starts it."""

    async def bring(*names, shares=False, **options):
        talkers = [await talker(name, **options) for name in names]
        await come_together(talkers, shares=shares)
        return talkers

    return bring


async def come_together(talkers: Sequence[Talker], *, shares: bool = False) -> None:
    """Into one session, which the first one starts."""
    link = await talkers[0].start(shares=shares)
    for other in talkers[1:]:
        await other.join(link)
    for one in talkers:
        await one.sees_people(*(other.name for other in talkers if other is not one))


@pytest.fixture(scope="module")
def circle_names() -> Sequence[str]:
    return "Ann", "Bob", "Cy"


def circle_of(
    house: House,
    people: Callable[[Visitor, str], Talker],
    names: Sequence[str],
    come_together: Callable[[Any], Awaitable[None]],
) -> Circle:
    @asynccontextmanager
    async def bring() -> AsyncIterator[list[Talker]]:
        async with house.visits() as invite:
            them = [people(await invite(viewport=WIDE), name) for name in names]
            await come_together(them)
            yield them

    return Circle(house, bring)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def circle(house, circle_names) -> AsyncIterator[Circle]:
    one = circle_of(house, Talker, circle_names, come_together)
    yield one
    await one.part()


@pytest_asyncio.fixture(loop_scope="session")
async def together(circle, request) -> AsyncIterator[Sequence[Talker]]:
    """Ann, Bob and Cy, or who else `circle_names` are: in one session for all tests of a file.

    Ann has started it. It has what earlier tests said, so each test needs words of its own.
    """
    async with circle.lent(lambda: request.session.testsfailed) as talkers:
        yield talkers


@pytest_asyncio.fixture(loop_scope="session")
async def guest(house, together) -> AsyncIterator[Bring]:
    """Brings somebody else to where `together` are, for one test: `dee = await guest("Dee")`."""
    async with house.visits() as invite:

        async def bring(name, **options):
            return Talker(await invite(**{"viewport": WIDE, **options}), name)

        yield bring


@pytest.fixture
def faults(axe):
    """What axe-core finds on a page in light, and in dark of what depends on colours."""

    async def look(page):
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        in_light = await axe(page)
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        in_dark = await axe(page, runOnly=COLOUR_RULES)
        return [f"light: {fault}" for fault in in_light] + [f"dark: {fault}" for fault in in_dark]

    return look


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(group_circle, people):
    """Brings somebody with an empty tab: `ann = await stranger("Ann")`.

    All who enter would come into the `group` of a file: it parts, and meets again later.
    """
    await group_circle.part()

    async def bring(name, **options):
        return Stranger(await people(**{"viewport": WIDE, **options}), name)

    return bring


@pytest_asyncio.fixture(loop_scope="session")
async def gather(stranger) -> Gather:
    """Brings strangers into one group: `ann, bob = await gather("Ann", "Bob")`."""

    async def bring(*names, places=0, **options):
        strangers = [await stranger(name, **options) for name in names]
        await gather_all(strangers, places)
        return strangers

    return bring


async def gather_all(strangers: Sequence[Stranger], places: int = 0) -> None:
    """Into one group, which has so many places or more."""
    await strangers[0].enter()
    await strangers[0].find_room(max(len(strangers), places))
    for other in strangers[1:]:
        await other.enter()
    for one in strangers:
        await one.counts(len(strangers))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def group_circle(house) -> AsyncIterator[Circle]:
    one = circle_of(house, Stranger, ("Ann", "Bob", "Cy"), partial(gather_all, places=6))
    yield one
    await one.part()


@pytest_asyncio.fixture(loop_scope="session")
async def group(group_circle, request) -> AsyncIterator[Sequence[Stranger]]:
    """Ann, Bob and Cy: strangers in one group for all tests of a file; see `together`."""
    async with group_circle.lent(lambda: request.session.testsfailed) as strangers:
        yield strangers


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(house, group) -> AsyncIterator[Callable[..., Awaitable[Stranger]]]:
    """Brings somebody else for one test: `dee = await newcomer("Dee")`.

    Whoever enters comes into that group, since it is the only one.
    """
    async with house.visits() as invite:

        async def bring(name, **options):
            return Stranger(await invite(**{"viewport": WIDE, **options}), name)

        yield bring
