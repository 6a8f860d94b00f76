"""Real servers for tests: in this process on a free port, made by the composition root."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from server.app import App, opened
from server.core.clock import Clock
from server.settings import load
from server.transports.web_files import Client

ADMIN_TOKEN = "operators-token-of-the-tests"
SECRET = "secret-of-the-tests-0123456789abcdef"


class RunningServer:
    """A server that listens.

    Attributes:
        url: Without a slash at the end.
        app: Its composition root; `app.chat` is the core.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.url = f"http://127.0.0.1:{app.port}"


@asynccontextmanager
async def running(
    clock: Clock | None = None, client: Client | None = None, /, **settings: object
) -> AsyncIterator[RunningServer]:
    """Run a server with these settings, by their names in the environment."""
    environment = {"PORT": "0", **{name: str(value) for name, value in settings.items()}}
    app = await opened(
        load(environment), secret=SECRET, admin_token=ADMIN_TOKEN, clock=clock, client=client
    )
    await app.start()
    try:
        yield RunningServer(app)
    finally:
        await app.stop()


async def until(condition: Callable[[], object], limit_s: float = 5) -> None:
    """Wait for a condition to become true.

    Raises:
        TimeoutError: It did not within the limit.
    """
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)
