"""Fixtures that are people and things."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.clocks import ManualClock
from tests.crossings import repeated
from tests.people import Person
from tests.servers import RunningServer, running

Meet = Callable[..., Awaitable[Person]]


WEB = Path(__file__).parent / "web"

GARBAGE = 10_000
"""So many new objects have the collector of cycles look; usually 700."""


# A busy machine takes as long as it takes; what failed is printed, and remembered by nobody.
settings.register_profile("suite", deadline=None, database=None)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--for-long", type=int, default=1, help="so many times the examples in random order"
    )
    parser.addoption(
        "--every", action="store_true", help="all combinations of places; see tests/crossings.py"
    )


@pytest.fixture(scope="session")
def for_long(pytestconfig: pytest.Config) -> int:
    """By what examples in random order are multiplied: each run of the suite draws others."""
    times: int = pytestconfig.getoption("--for-long")
    return times


def pytest_collection_finish() -> None:
    """Have the collector of cycles pass by what is there for good: a million objects of tests.

    A tenth of the time of tests was its own. It comes less often, too, since they make little.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


@pytest.hookimpl(trylast=True)  # of what `-k` has left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is only repeated, and spread the rest."""
    if not config.getoption("--every"):
        left_out = repeated(items)
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
    _spread(items)


def _spread(items: list[pytest.Item]) -> None:
    """Spread the files of tests with a browser evenly among the others.

    Where two run at a time, a browser beside tests that mostly wait is faster than two browsers.
    They are the longest, so the last of them begins when there is a tenth left to do beside it.
    """
    files = dict.fromkeys(item.path for item in items)
    places: dict[Path, float] = {}
    for is_web, end in ((True, 0.9), (False, 1)):
        some = [path for path in files if path.is_relative_to(WEB) is is_web]
        places |= {path: end * (number + 0.5) / len(some) for number, path in enumerate(some)}
    items.sort(key=lambda item: places[item.path])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    """A server with the default settings and no grace, so that lost members leave at once."""
    async with running(RECONNECT_GRACE_S=0) as one:
        yield one


@pytest.fixture
async def meet(server: RunningServer) -> AsyncIterator[Meet]:
    """Connects people to the server: `alice = await meet()`."""
    people: list[Person] = []

    async def connect(transport: str = "websocket") -> Person:
        person = Person(server, transport)
        people.append(person)
        return await person.connect()

    yield connect
    for person in people:
        await person.leave()
