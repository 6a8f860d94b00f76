"""What probes and operators see: `/health`, `/ready`, `/metrics`."""

import time

from aiohttp import web

from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.transports.http import Guard, json_response, problem_response
from server.transports.metrics import Metrics
from server.transports.socketio.gate import Gate
from server.version import VERSION


class Health:
    """The state of this process, as it truly is.

    Attributes:
        is_draining: Set when the process is about to stop: not ready for new work.
    """

    def __init__(self, chat: Chat, metrics: Metrics, guard: Guard, gate: Gate) -> None:
        self._chat = chat
        self._metrics = metrics
        self._guard = guard
        self._started = time.monotonic()
        self._gate = gate
        self.is_draining = False

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics_page)

    async def _health(self, request: web.Request) -> web.Response:
        totals = await self._chat.rooms.totals()
        return json_response(
            {
                "status": "ok",
                "uptime": round(time.monotonic() - self._started, 3),
                "sessions": totals.rooms,
                "connections": self._gate.connections,
                "version": VERSION,
            }
        )

    async def _ready(self, request: web.Request) -> web.Response:
        if self.is_draining:
            return problem_response(AppError(Code.UNAVAILABLE, "this process is stopping"))
        return json_response({"status": "ready"})

    async def _metrics_page(self, request: web.Request) -> web.Response:
        await self._guard.admit_operator(request, open_to_loopback=True)
        totals = await self._chat.rooms.totals()
        self._metrics.sessions.set(totals.rooms)
        self._metrics.held_bytes.set(totals.held_bytes)
        self._metrics.connections.set(self._gate.connections)
        body, content_type = self._metrics.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})
