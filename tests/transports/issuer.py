"""An issuer that publishes its keys over HTTP, well or badly, on a free port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Issuer:
    """A server of keys.

    Attributes:
        url: Of its key set.
        jwks: What it publishes now.
        asked: How often it was asked.
        answer: What it does instead of publishing, if anything.
        gate: It answers only while this is set.
    """

    def __init__(self) -> None:
        self.url = ""
        self.jwks: list[Any] = []
        self.asked = 0
        self.answer: Answer | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.gate.wait()
        if self.answer:
            return await self.answer(request)
        return await self.publish(request)

    async def publish(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"keys": self.jwks})


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/jwks.json", issuer.handle)
    app.router.add_get("/elsewhere", issuer.publish)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    issuer.url = f"http://{host}:{port}/jwks.json"
    try:
        yield issuer
    finally:
        issuer.gate.set()
        await runner.cleanup()
