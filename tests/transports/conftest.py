"""Raw connections, and a well-behaved pair that must not notice them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from tests.servers import RunningServer
from tests.transports.wire import Line, Pair, PollingLine, WebSocketLine, undisturbed_pair

Dial = Callable[..., Awaitable[Line]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that users run."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def pair(server: RunningServer) -> AsyncIterator[Pair]:
    async with undisturbed_pair(server.url) as two:
        yield two


@pytest.fixture
async def dial(server: RunningServer) -> AsyncIterator[Dial]:
    """Opens raw connections to the server: `mallory = await dial("polling")`."""
    lines: list[Line] = []

    async def connect(transport: str = "websocket") -> Line:
        kind = {"websocket": WebSocketLine, "polling": PollingLine}[transport]
        lines.append(kind(server.url))
        return await lines[-1].open()

    yield connect
    for line in lines:
        await line.leave()


@pytest.fixture
async def polling(server: RunningServer) -> AsyncIterator[PollingLine]:
    """A polling connection that has opened the namespace."""
    async with PollingLine(server.url) as line:
        yield await line.open()
