"""Real servers for tests: in this process on free ports, made by the composition root."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

from server.app import APIS, App
from server.core.chat import Chat
from server.core.clock import Clock
from server.opening import opened
from server.settings import load
from server.transports.api import Api
from server.transports.listener import addresses_of, bind, close_all
from server.transports.others import Seat
from server.transports.socketio.chat_namespace import ChatNamespace
from server.transports.socketio.fanout import NAMESPACE, Hub
from server.transports.socketio.namespace import ApiNamespace
from server.transports.socketio.session import EngineSocket
from server.transports.web_files import Client
from tests.clocks import LIMIT_S
from tests.conformity import Conformity
from tests.echoes import Echo, echo_of
from tests.made_databases import durable_in_memory
from tests.passwords import WEAK

ADMIN_TOKEN = "operators-token-of-the-tests"
SECRET = "secret-of-the-tests-0123456789abcdef"
IN_MEMORY_URL = "sqlite://:memory:"
MASTER_KEY = "b2YgdGhlIHRlc3RzLCBvZiB0aGUgdGVzdHMsIG9mIDE="


class RunningServer:
    """An installation that listens: one process or several, as clients see it.

    Attributes:
        url: Without a slash at the end.
        nodes: The composition roots of its processes, which all run in this one.
    """

    def __init__(
        self,
        size: int,
        settings: Mapping[str, object],
        clock: Clock | None,
        client: Client | None = None,
        apis: Sequence[Api] = APIS,
    ) -> None:
        texts = {name: str(value) for name, value in settings.items()}
        defaults = {"PORT": "0", "DATABASE_URL": IN_MEMORY_URL, "MASTER_KEY": MASTER_KEY}
        self._settings = [defaults | texts for _ in range(size)]
        self._clock = clock
        self._client = client
        self._apis = apis
        self._echoes: list[Echo] = []
        self._conformity = Conformity(apis)
        self.nodes: list[App] = []
        self.url = ""

    @classmethod
    def around(cls, node: App) -> Self:
        """Of a process that was started elsewhere."""
        server = cls(0, {}, None)
        server._add(node)
        return server

    @property
    def app(self) -> App:
        """The only node that there is."""
        (node,) = self.nodes
        return node

    @property
    def chat(self) -> Chat:
        """The core, for what is the same on all nodes."""
        return self.nodes[0].chat

    @property
    def node_urls(self) -> list[str]:
        """Of each node alone, whatever stands in front of them."""
        return [f"http://127.0.0.1:{node.port}" for node in self.nodes]

    @property
    def lines(self) -> list[EngineSocket]:
        """The open lines of all nodes."""
        return list(itertools.chain(*(node.sockets.eio.sockets.values() for node in self.nodes)))

    @property
    def connections(self) -> int:
        """Of Socket.IO: those that are open, and those whose end is still being handled."""
        books = [node.sockets.manager.rooms for node in self.nodes]
        return sum(len(rooms.get(NAMESPACE, {}).get(None, ())) for rooms in books)

    async def start(self) -> None:
        """Start all nodes; after a `stop`, where they were before."""
        for settings in self._settings:
            sockets = bind(await addresses_of("127.0.0.1", int(settings["PORT"])))
            settings["PORT"] = str(sockets[0].getsockname()[1])
            try:
                node = await self._opened(settings, Seat(sockets=tuple(sockets)))
                self._conformity.watch(node._runner.app)
                for namespace in namespaces_of(node):
                    self._conformity.watch_events(namespace)
                self._conformity.watch_frames(node.raw)
                await node.start()
            except BaseException:
                close_all(sockets)
                raise
            self._add(node)

    async def _opened(self, texts: dict[str, str], seat: Seat) -> App:
        settings = load({"NODE_URL": f"http://127.0.0.1:{texts['PORT']}", **texts})
        is_in_memory = settings.database_url == IN_MEMORY_URL
        return await opened(
            settings,
            secret=SECRET,
            admin_token=ADMIN_TOKEN,
            durable=durable_in_memory(settings.bounds) if is_in_memory else None,
            clock=self._clock,
            client=self._client,
            seat=seat,
            apis=self._apis,
            strength=WEAK,
        )

    def _add(self, node: App) -> None:
        self.nodes.append(node)
        self._echoes += echo_of(node)
        self.url = self.url or self.node_urls[0]

    async def stop(self) -> None:
        """Stop all nodes at the same time."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        self.nodes.clear()
        self._echoes.clear()

    def check_answers(self) -> None:
        """All that was answered and told stands in the documentation."""
        assert not self._conformity.strange, self._conformity.strange

    async def expire(self) -> None:
        """Have each node expire what is due, as its reaper does twice a second."""
        for node in self.nodes:
            chat = node.chat
            sign_ins = (chat.sign_ins, chat.chat_sign_ins, chat.socket_sign_ins)
            rooms_and_mail = (chat.rooms, chat.groups, chat.mail)
            people = (
                chat.presences,
                chat.revocations,
                chat.queues,
                chat.attendance,
                chat.standings,
            )
            for part in (*sign_ins, *rooms_and_mail, chat.recoveries, *people):
                await part.expire()

    async def reap_no_more(self) -> None:
        """Have no node expire anything by itself from now on."""
        reapers = [node._reaper for node in self.nodes if node._reaper]
        for reaper in reapers:
            reaper.cancel()
        await asyncio.wait(reapers)

    async def settle(self) -> None:
        """Wait until all that was answered so far has reached the lines that are to hear of it."""
        await until(lambda: not any(echo.is_telling for echo in self._echoes))
        await asyncio.gather(*(echo.come_back() for echo in self._echoes))
        await until(lambda: not any(echo.is_behind for echo in self._echoes))
        await until(lambda: not any(_hub_of(node).catching_up._catching_up for node in self.nodes))


def _hub_of(node: App) -> Hub:
    return namespace_of(node)._hub


def namespace_of(node: App) -> ApiNamespace:
    """What handles the events of Socket.IO in a process."""
    namespace = node.sockets.namespace_handlers[NAMESPACE]
    assert isinstance(namespace, ApiNamespace)
    return namespace


def namespaces_of(node: App) -> list[ApiNamespace | ChatNamespace]:
    """All that handles events of Socket.IO in a process."""
    handlers = node.sockets.namespace_handlers.values()
    return [one for one in handlers if isinstance(one, ApiNamespace | ChatNamespace)]


@asynccontextmanager
async def running(
    clock: Clock | None = None,
    client: Client | None = None,
    apis: Sequence[Api] = APIS,
    /,
    **settings: object,
) -> AsyncIterator[RunningServer]:
    """Run a server with these settings, by their names in the environment."""
    async with running_nodes(1, settings, clock, client, apis) as server:
        yield server


@asynccontextmanager
async def running_nodes(
    size: int,
    settings: Mapping[str, object],
    clock: Clock | None,
    client: Client | None = None,
    apis: Sequence[Api] = APIS,
) -> AsyncIterator[RunningServer]:
    """Run so many processes of a server in this one."""
    server = RunningServer(size, settings, clock, client, apis)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
    server.check_answers()


async def until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Wait for a condition to become true; a busy machine may take its time.

    Raises:
        TimeoutError: It did not within the limit.
    """
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)
