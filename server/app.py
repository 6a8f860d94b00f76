"""The composition root: the only place that knows all the parts.

Settings -> stores -> Chat -> APIs -> transports, in this order.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from aiohttp import web

from server.apis.event_queue import EVENT_QUEUE
from server.apis.identity import CHAT_IDENTITY, IDENTITY
from server.apis.random_groups import RANDOM_GROUPS
from server.apis.secure_chat import SECURE_CHAT
from server.apis.session_relay import SESSION_RELAY
from server.apis.workspaces import WORKSPACES
from server.assembly import Assembly, derived
from server.core.clock import Clock, SystemClock
from server.core.errors import Code
from server.core.passwords import Strength
from server.core.patience import Patience
from server.core.ports import Peers
from server.reaper import reap
from server.settings import Settings
from server.stores.durable import Durable, open_durable
from server.stores.live import Live, MemoryLive
from server.stores.redis.ending import end
from server.transports.api import CHAT, MAIN, Api
from server.transports.decode import Decoder
from server.transports.documentation import Documentation
from server.transports.door import Door
from server.transports.doorkeeper import Doorkeeper
from server.transports.front import Front
from server.transports.handover import HandOver
from server.transports.health import Health
from server.transports.http import Guard, Surround
from server.transports.http_connection import HttpOptions
from server.transports.key_sets import PublishedKeys
from server.transports.listener import Listener, addresses_of, bind, listen
from server.transports.metrics import Metrics
from server.transports.origins import Origins
from server.transports.others import Others, Seat
from server.transports.passes import Passes
from server.transports.proxies import Proxies
from server.transports.raw.hub import UserHub
from server.transports.raw.sockets import RawOptions, RawSockets
from server.transports.rest import BODY_LIMIT_S, Rest, Toll
from server.transports.socketio.acting import Means
from server.transports.socketio.chat_namespace import ChatNamespace
from server.transports.socketio.connections import Connections
from server.transports.socketio.drain import Drain
from server.transports.socketio.engine import Engine, EngineOptions
from server.transports.socketio.fanout import Hub
from server.transports.socketio.gate import Gate
from server.transports.socketio.namespace import ApiNamespace
from server.transports.socketio.packets import event_encoder
from server.transports.socketio.people import PeopleLines
from server.transports.socketio.polling import Polling
from server.transports.socketio.polls import Polls
from server.transports.socketio.recovery import Recovery
from server.transports.socketio.server import SocketServer, strict_packets
from server.transports.suspects import Suspects
from server.transports.upgrade import Upgrades
from server.transports.web import Web
from server.transports.web_files import Client, built_in

log = logging.getLogger("hushwire.app")

APIS = (
    SESSION_RELAY,
    IDENTITY,
    RANDOM_GROUPS,
    SECURE_CHAT,
    EVENT_QUEUE,
    WORKSPACES,
    CHAT_IDENTITY,
)

SOCKETIO_PATH = "/socket.io/"

CLOSE_LIMIT_S = 1.0
"""For clients to answer that their WebSocket is closed."""

HTTP_LIMIT_S = 0.3
"""For requests to be answered that are under way when the server stops."""

STOP_LIMIT_S = 1.6
"""For all open connections and requests to end when the server stops."""

LIVE_STOP_LIMIT_S = 1.0
"""For the store to hear of the end; the other processes notice it all the same."""

STOP_MARGIN_S = 0.3
"""For what comes after, until the process has gone."""

_HTTP_OPTIONS = HttpOptions(auto_decompress=False, keepalive_timeout=75, lingering_time=2)


class App:
    """One server: made, started, stopped.

    Args:
        secret: At least 256 bits of this installation; every hash of a room key hangs on it.
        admin_token: Of the operators.
        live: Where live state is; in memory if it is not said.
        durable: Where durable state is; where the settings say if it is not said.
        clock: For everything that is a matter of time in the core.
        client: For browsers; the built-in one if there is no other.
        seat: Where it is among others; alone if it is not said.
        peers: Those on other machines, if it is to forward to them.
        apis: That it speaks.
        strength: Of hashed passwords; the usual if it is not said.

    Attributes:
        chat: The core.
        sockets: python-socketio's server.
        raw: The raw WebSockets.
        port: Where it listens, once started.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        secret: str,
        admin_token: str,
        live: Live | None = None,
        durable: Durable | None = None,
        clock: Clock | None = None,
        client: Client | None = None,
        seat: Seat | None = None,
        peers: Peers | None = None,
        apis: Sequence[Api] = APIS,
        strength: Strength | None = None,
    ) -> None:
        self._settings = settings
        self._apis = apis
        self._seat = seat or Seat()
        self._clock = clock or SystemClock()
        self._metrics = Metrics()
        self._live = live or MemoryLive(
            settings.random,
            settings.bounds,
            self._clock,
            settings.recovery_ms,
            2 * settings.max_connections,
        )
        self._durable = durable or open_durable(
            settings.database_url, settings.data_dir, settings.bounds
        )
        url = settings.jwks_url
        self._keys = PublishedKeys(url, self._clock) if url else None
        self._id_keys = self._make_id_keys()
        self._assembly = Assembly(
            settings,
            secret,
            self._live,
            self._durable,
            self._keys,
            self._id_keys,
            self._clock,
            self._metrics.traffic.accepted,
            strength,
        )
        self.chat = self._assembly.chat
        proxies = Proxies(settings.trusted_hops, settings.trusted_networks)
        passes = Passes(derived(secret, b"hushwire forwarding"), self._clock)
        self._front = Front(Origins(settings.origins), proxies, passes)
        self._others = Others(
            self._seat,
            peers,
            passes,
            self._metrics,
            # A poll waits for the next ping at most; a body may take as long.
            limit_s=settings.ping_interval_s + settings.ping_timeout_s + BODY_LIMIT_S,
            token=admin_token,
        )
        self._decoder = Decoder(settings.bounds)
        self.sockets = self._make_sockets()
        self.raw = self._make_raw()
        self.chat.revocations.listen()
        self._upgrades = self._make_upgrades()
        suspects = Suspects(self._live.limiter, self._clock, settings.rates.bad_token)
        guard = Guard(self.chat.tokens, admin_token, settings.debug, self._front, suspects)
        self._web = Web(client or built_in())
        self._health = Health(
            self.chat,
            self._metrics,
            guard,
            self._gate,
            (self._live, self._durable),
            lambda: len(self.raw.open_lines),
            self._others.gathering,
        )
        self._surround = Surround(self._front, self._metrics)
        self._runner = web.AppRunner(self._make_http(guard), shutdown_timeout=HTTP_LIMIT_S)
        per_address = settings.max_address_connections
        self._doorkeeper = Doorkeeper(
            proxies,
            self._metrics,
            settings.max_connections,
            # A polling client keeps two connections open; half-open ones come on top.
            None if per_address is None else 2 * per_address + 16,
        )
        self._listeners: list[Listener] = []
        self._reaper: asyncio.Task[None] | None = None
        self.port = settings.port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be had.
            DatabaseAwayError: The database cannot be had, or used.
        """
        await self._durable.start()
        await self.chat.rotation.check()
        await self._runner.setup()
        await self._live.start(self._let_all_go)
        settings = self._settings
        sockets = self._seat.sockets or bind(await addresses_of(settings.host, settings.port))
        await self._others.listen(
            self._make_door, self._doorkeeper, self._metrics, settings.max_connections
        )
        self._listeners = listen(sockets, self._make_front_door, settings.tls_context())
        self.port = self._listeners[0].port
        self._reaper = asyncio.create_task(
            reap(self.chat, self._metrics.expired, self._metrics.loop_lag_seconds.set)
        )
        log.info("started")

    def reload_certificate(self) -> None:
        """Show a renewed certificate to whoever connects from now on; keep the old if it is bad."""
        renewed = None
        try:
            renewed = self._settings.tls_context()
        except (OSError, ValueError):
            log.exception("certificate_not_reloaded")
        if renewed:
            for listener in self._listeners:
                listener.tls = renewed
            log.info("certificate_reloaded")

    async def drain(self, *, is_alone: bool = False) -> None:
        """Have all clients come back elsewhere, in waves, and finish what they asked for.

        Returns early enough for `stop` to end the rest within `DRAIN_S`.

        Args:
            is_alone: Others on the same port go on, and take whoever is new at once.
        """
        if is_alone:
            for listener in self._listeners:
                listener.close_after_last()
        self._health.is_draining = self._surround.is_last = True
        limit_s = max(0.0, self._settings.drain_s - STOP_LIMIT_S - STOP_MARGIN_S)
        books = (self.sockets.eio.sockets, self.raw.open_lines)
        await Drain(self._gate, books, self._for_others, limit_s).run()

    async def stop(self) -> None:
        """Take no new work, close every connection so that clients come back, and end."""
        self._health.is_draining = True
        self._gate.is_closed = True
        for listener in self._listeners:
            listener.close()
        self._others.part()
        if self._reaper:
            await end([self._reaper])
        with contextlib.suppress(TimeoutError):
            async with Patience(STOP_LIMIT_S):
                for keys in (self._keys, self._id_keys):
                    if keys:
                        await keys.close()
                await self.sockets.eio.shut_all(Code.UNAVAILABLE)
                await self.raw.shut_all(Code.UNAVAILABLE)
                await self._polls.close_all(HTTP_LIMIT_S)
                await self._upgrades.close_all(CLOSE_LIMIT_S)
                await self._runner.cleanup()
                await self._others.forwarder.close()
        with contextlib.suppress(TimeoutError):
            async with Patience(LIVE_STOP_LIMIT_S):
                await self._live.stop()
        await self._durable.stop()
        self._assembly.close()
        log.info("stopped")

    def _for_others(self) -> int:
        """What is under way besides the lines of this process."""
        return self._surround.running + self._upgrades.tunnels

    async def _let_all_go(self) -> None:
        """Close all connections, which the other processes take for lost already."""
        await self.sockets.eio.close_all(Code.UNAVAILABLE)
        await self.raw.close_all(Code.UNAVAILABLE)

    def _make_id_keys(self) -> PublishedKeys | None:
        """The keys of whoever issues identity tokens, if somebody does."""
        rules, url = self._settings.oidc_rules, self._settings.oidc_keys_url
        if rules is None:
            return None
        return PublishedKeys(url or rules.issuers[0], self._clock, is_issuer=url is None)

    def _make_sockets(self) -> SocketServer:
        settings = self._settings
        self._gate = Gate(
            limiter=self._live.limiter,
            clock=self._clock,
            max_per_address=settings.max_address_connections,
            rate=settings.rates.connect,
        )
        options = EngineOptions(
            ping_interval_s=settings.ping_interval_s,
            ping_timeout_s=settings.ping_timeout_s,
            max_payload_bytes=settings.max_payload_bytes,
            max_unsent_bytes=settings.max_unsent_bytes,
        )
        packets = strict_packets(settings.max_payload_bytes)
        sockets = SocketServer(
            Engine(options, self._gate, self._metrics, self._seat.node_id),
            client_manager=Connections(),
            serializer=packets,
            # Else the library writes to standard error by itself, what clients sent too.
            logger=logging.getLogger("socketio"),
        )
        traffic, encode = self._metrics.traffic, event_encoder(packets)
        hub = Hub(self._apis, traffic, encode, self._live.broker, self.chat.recoveries)
        self.chat.sign_ins.subscribe(hub.notify)
        means = Means(
            chat=self.chat,
            decoder=self._decoder,
            metrics=self._metrics,
            clock=self._clock,
            rate=settings.rates.events,
        )
        sockets.register_namespace(
            ApiNamespace(
                self._apis,
                hub=hub,
                recovery=Recovery(self.chat, hub, self._live.broker, self._metrics, self._clock),
                means=means,
            )
        )
        if ours := [api for api in self._apis if CHAT in api.namespaces]:
            encoders = {MAIN: encode, CHAT: event_encoder(packets, CHAT)}
            people = PeopleLines(ours, self.chat, traffic, encoders, hub.line_of)
            self.chat.attendance.subscribe(people.tell)
            book = self.chat.chat_sign_ins
            book.subscribe(people.notify)
            sockets.register_namespace(
                ChatNamespace(ours, people=people, sign_ins=book, means=means)
            )
        return sockets

    def _make_raw(self) -> RawSockets:
        settings = self._settings
        return RawSockets(
            chat=self.chat,
            hub=UserHub(self.chat, self._live.user_broker, self._metrics.traffic),
            gate=self._gate,
            decoder=self._decoder,
            metrics=self._metrics,
            clock=self._clock,
            options=RawOptions(
                ping_interval_s=settings.ping_interval_s,
                ping_timeout_s=settings.ping_timeout_s,
                rate=settings.rates.events,
            ),
        )

    def _make_upgrades(self) -> Upgrades:
        upgrades = Upgrades(
            self._front,
            self._metrics,
            self._others.routes,
            self._others.forwarder,
            max_message_bytes=self._settings.max_payload_bytes,
            max_unsent_bytes=self._settings.max_unsent_bytes,
            has_rates=self._settings.rates.events is not None,
        )
        upgrades.serve(SOCKETIO_PATH, self.sockets.eio.open_websocket, has_lines=True)
        return upgrades

    def _make_http(self, guard: Guard) -> web.Application:
        app = self._surround.application()
        routes, forwarder = self._others.routes, self._others.forwarder
        polling = Polling(self.sockets.eio, self._front, self._upgrades, routes, forwarder)
        self._polls = Polls(SOCKETIO_PATH, polling, self._surround, _HTTP_OPTIONS)
        app.router.add_route("*", SOCKETIO_PATH, polling.handle)
        self.raw.serve(self._apis, self._upgrades, app.router)
        self._health.add_routes(app)
        self._web.add_routes(app)
        Documentation(self._apis, self._settings.bounds).add_routes(app)
        toll = Toll(self._live.limiter, self._clock, self._settings.rates.events)
        rest = Rest(self.chat, self._decoder, self._settings.bounds, guard, self._front, toll)
        rest.add_routes(app, self._apis)
        return app

    def _make_front_door(self) -> Door:
        return self._make_door(self._doorkeeper, hand_over=self._others.hand_over)

    def _make_door(
        self, keeper: Doorkeeper, read: bytes = b"", *, hand_over: HandOver | None = None
    ) -> Door:
        assert self._runner.server
        return Door(
            self._runner.server,
            keeper,
            self._upgrades,
            self._polls,
            _HTTP_OPTIONS,
            hand_over,
            read,
        )
