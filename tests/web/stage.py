"""Real servers for tests that run in Node, which ask for them over HTTP; see scene/stage.js.

POST   /servers {settings}            {id, url}
POST   /servers/ID/restart            all sessions are forgotten, as the store is memory
POST   /servers/ID/advance {minutes}  its clock, which stands still otherwise
DELETE /servers/ID
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.clocks import ManualClock
from tests.node import play_file
from tests.servers import RunningServer, running

AT_ONCE = 2
"""Files that are played at a time: each leaves a core unused for about half of its time."""

Outcome = tuple[bool, str]


class _Place:
    """Where a server runs, again after a restart."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.clock = ManualClock()
        self._settings = settings
        # Rates and graces are a matter of time: a clock that stands still would never give more.
        self._is_aged = self._settings.pop("clock", "real") == "manual"
        self._stack = AsyncExitStack()
        self.port = 0

    async def start(self) -> RunningServer:
        clock = self.clock if self._is_aged else None
        settings = {**self._settings, "PORT": self.port}
        server = await self._stack.enter_async_context(running(clock, **settings))
        self.port = server.app.port
        return server

    async def stop(self) -> None:
        await self._stack.aclose()


class Stage:
    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._count = itertools.count(1)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/servers", self._start)
        app.router.add_post("/servers/{id}/restart", self._restart)
        app.router.add_post("/servers/{id}/advance", self._advance)
        app.router.add_delete("/servers/{id}", self._stop)
        return app

    async def close(self) -> None:
        await asyncio.gather(*(place.stop() for place in self._places.values()))

    async def _start(self, request: web.Request) -> web.Response:
        place = _Place(await request.json())
        server = await place.start()
        place_id = str(next(self._count))
        self._places[place_id] = place
        return web.json_response({"id": place_id, "url": server.url})

    async def _restart(self, request: web.Request) -> web.Response:
        place = self._places[request.match_info["id"]]
        await place.stop()
        await place.start()
        return web.json_response({})

    async def _advance(self, request: web.Request) -> web.Response:
        told = await request.json()
        self._places[request.match_info["id"]].clock.advance(minutes=told["minutes"])
        return web.json_response({})

    async def _stop(self, request: web.Request) -> web.Response:
        await self._places.pop(request.match_info["id"]).stop()
        return web.json_response({})


@asynccontextmanager
async def stage() -> AsyncIterator[str]:
    """Serve the stage.

    Yields:
        Its URL.
    """
    one = Stage()
    runner = web.AppRunner(one.app(), shutdown_timeout=0.3)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await one.close()
        await runner.cleanup()


async def play(file: Path) -> Outcome:
    """Run one file of node:test on a stage of its own.

    Returns:
        Whether all went well, and what there was to be read.
    """
    async with stage() as url:
        return await play_file(file, STAGE_URL=url)


@asynccontextmanager
async def plays(files: Iterable[Path]) -> AsyncIterator[Callable[[Path], Awaitable[Outcome]]]:
    """Run files of node:test side by side, each on a stage of its own.

    Yields:
        Waits for what `play` has to say of one of them.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def play_in_turn(file: Path) -> Outcome:
        async with room:
            return await play(file)

    tasks = {file: asyncio.create_task(play_in_turn(file)) for file in files}
    yield tasks.__getitem__
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
