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
        base_url: Its own, below which it says where the keys are.
        configuration: What it says otherwise than it is.
        answer: What it does instead of publishing, if anything.
        gate: It answers only while this is set.
    """

    def __init__(self) -> None:
        self.url = ""
        self.jwks: list[Any] = []
        self.asked = 0
        self.base_url = ""
        self.configuration: dict[str, Any] = {}
        self.answer: Answer | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.gate.wait()
        if self.answer:
            return await self.answer(request)
        return await self.publish(request)

    async def configure(self, request: web.Request) -> web.StreamResponse:
        """What an issuer of OpenID Connect says of itself."""
        said = {"issuer": self.base_url, "jwks_uri": self.url, **self.configuration}
        return web.json_response(said)

    async def publish(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"keys": self.jwks})


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/jwks.json", issuer.handle)
    app.router.add_get("/elsewhere", issuer.publish)
    app.router.add_get("/.well-known/openid-configuration", issuer.configure)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    issuer.base_url = f"http://{host}:{port}"
    issuer.url = f"{issuer.base_url}/jwks.json"
    try:
        yield issuer
    finally:
        issuer.gate.set()
        await runner.cleanup()
