"""What probes and operators see: `/health`, `/ready`, `/metrics`."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypedDict

from aiohttp import web
from msgspec import Struct

from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.ports import RoomTotals
from server.transports.gathering import ONLY_OWN, Gathering
from server.transports.http import Guard, json_response, problem_response
from server.transports.metrics import Metrics
from server.transports.socketio.gate import Gate
from server.version import VERSION


class Alive(TypedDict):
    """`degraded` is a process that runs, while something that it needs is away."""

    status: Literal["ok", "degraded"]
    uptime: float
    sessions: int
    connections: int
    version: str


class Ready(TypedDict):
    status: Literal["ready"]


class Probe(Struct, frozen=True):
    """A route that is no API's, for the documentation.

    Attributes:
        shape: Of what is answered.
        refusals: Why it may refuse, all of them.
    """

    path: str
    shape: Any
    summary: str
    refusals: tuple[Code, ...]


PROBES = (
    Probe(
        "/health",
        Alive,
        "Ask how this process is",
        (Code.ORIGIN_REFUSED, Code.INTERNAL),
    ),
    Probe(
        "/ready",
        Ready,
        "Ask whether this process takes work",
        (Code.ORIGIN_REFUSED, Code.INTERNAL, Code.UNAVAILABLE),
    ),
)


class Needed(Protocol):
    """What this process cannot do its work without."""

    @property
    def is_ready(self) -> bool: ...


class Health:
    """The state of this process, as it truly is.

    Args:
        raw_connections: Counts raw WebSockets, which the gate counts as well.
        gathering: Has the metrics of other processes beside this one, if there are some.

    Attributes:
        is_draining: Set when the process is about to stop: not ready for new work.
    """

    def __init__(
        self,
        chat: Chat,
        metrics: Metrics,
        guard: Guard,
        gate: Gate,
        stores: Sequence[Needed],
        raw_connections: Callable[[], int],
        gathering: Gathering | None = None,
    ) -> None:
        self._gathering = gathering
        self._chat = chat
        self._metrics = metrics
        self._guard = guard
        self._started = time.monotonic()
        self._gate = gate
        self._stores = stores
        self._raw_connections = raw_connections
        self._totals = RoomTotals(0, 0, 0)  # as they were last known
        self.is_draining = False

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics_page)

    async def _health(self, request: web.Request) -> web.Response:
        totals = await self._known_totals()
        alive: Alive = {
            # The process is alive all the same; `/ready` says that it is of no use.
            "status": "ok" if self._is_complete else "degraded",
            "uptime": round(time.monotonic() - self._started, 3),
            "sessions": totals.rooms,
            "connections": self._gate.connections,
            "version": VERSION,
        }
        return json_response({**alive})

    async def _ready(self, request: web.Request) -> web.Response:
        if self.is_draining:
            return problem_response(AppError(Code.UNAVAILABLE, "this process is stopping"))
        if not self._is_complete:
            return problem_response(AppError(Code.UNAVAILABLE, "the relay's store is away"))
        ready: Ready = {"status": "ready"}
        return json_response({**ready})

    async def _metrics_page(self, request: web.Request) -> web.Response:
        await self._guard.admit_operator(request, open_to_loopback=True)
        totals = await self._known_totals()
        self._metrics.sessions.set(totals.rooms)
        self._metrics.held_bytes.set(totals.held_bytes)
        with contextlib.suppress(AppError):  # as they were last known
            self._metrics.queues.set(await self._chat.queues.recent_statistics())
        self._metrics.connections.set(self._gate.connections)
        self._metrics.raw_connections.set(self._raw_connections())
        body, content_type = self._metrics.exposition()
        if self._gathering and ONLY_OWN not in request.query:
            body = (await self._gathering.page(body.decode())).encode()
        return web.Response(body=body, headers={"Content-Type": content_type})

    @property
    def _is_complete(self) -> bool:
        return all(one.is_ready for one in self._stores)

    async def _known_totals(self) -> RoomTotals:
        with contextlib.suppress(AppError):
            self._totals = await self._chat.rooms.totals()
        return self._totals
