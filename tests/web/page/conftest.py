"""People in one session, through the page."""

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from tests.web.page.strangers import Stranger
from tests.web.page.talkers import Talker

Meet = Callable[..., Awaitable[list[Talker]]]
Gather = Callable[..., Awaitable[list[Stranger]]]

COLOUR_RULES = ["color-contrast", "link-in-text-block"]

# Where people stand beside the conversation.
WIDE = {"width": 1280, "height": 800}


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
        link = await talkers[0].start(shares=shares)
        for other in talkers[1:]:
            await other.join(link)
        for one in talkers:
            await one.sees_people(*(name for name in names if name != one.name))
        return talkers

    return bring


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


@pytest.fixture
def stranger(people):
    """Brings somebody with an empty tab: `ann = await stranger("Ann")`."""

    async def bring(name, **options):
        return Stranger(await people(**{"viewport": WIDE, **options}), name)

    return bring


@pytest_asyncio.fixture(loop_scope="session")
async def gather(stranger) -> Gather:
    """Brings strangers into one group: `ann, bob = await gather("Ann", "Bob")`."""

    async def bring(*names, places=0, **options):
        strangers = [await stranger(name, **options) for name in names]
        await strangers[0].enter()
        await strangers[0].find_room(max(len(names), places))
        for other in strangers[1:]:
            await other.enter()
        for one in strangers:
            await one.counts(len(names))
        return strangers

    return bring
