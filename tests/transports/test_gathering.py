"""One page of the metrics of all processes, of which one may stand still now and then."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from server.transports import gathering
from server.transports.gathering import Gathering
from server.transports.routes import REQUESTS

LIMIT_S = 0.3

TURNS = 12
"""Of the event loop, within which another process is asked."""

OWN = "# HELP x y\nx 1\n"
BOTH = '# HELP x y\nx{worker="0"} 1\nx{worker="1"} 1\n'


@pytest.fixture
def may_answer() -> asyncio.Event:
    """Whether the other process does."""
    event = asyncio.Event()
    event.set()
    return event


@pytest.fixture
async def gathers(tmp_path: Path, may_answer: asyncio.Event) -> AsyncIterator[Gathering]:
    """One process, which has another beside it."""

    async def page(_: web.Request) -> web.Response:
        await may_answer.wait()
        return web.Response(text=OWN)

    app = web.Application()
    app.router.add_get("/metrics", page)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / f"1n.{REQUESTS}")).start()
    yield Gathering(tmp_path, "0n", "token")
    may_answer.set()
    await runner.cleanup()


async def test_whenever_it_stands_still_it_has_the_metrics_of_the_other(
    gathers: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "ANSWER_LIMIT_S", LIMIT_S)
    # Of these each has gone a turn further than the next, when all stand still.
    asking = []
    for _ in range(TURNS):
        asking.append(asyncio.create_task(gathers.page(OWN)))
        await asyncio.sleep(0)

    time.sleep(2 * LIMIT_S)  # noqa: ASYNC251 - the standing still

    assert await asyncio.gather(*asking) == [BOTH] * TURNS


async def test_who_does_not_answer_is_left_out(
    gathers: Gathering, may_answer: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "ANSWER_LIMIT_S", LIMIT_S)
    may_answer.clear()

    assert await gathers.page(OWN) == BOTH.replace('x{worker="1"} 1\n', "")
