"""Several processes that share one Redis, each with a link and stores of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from server.core.events import RoomEvent
from server.core.ids import RoomId
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.stores.redis import codec, ear, keys
from server.stores.redis.attachments import Attachments
from server.stores.redis.connect import connect
from server.stores.redis.groups import RedisGroups
from server.stores.redis.leases import Leases
from server.stores.redis.link import Link
from server.stores.redis.logs import Gone, Known, RoomLogs, Unknown
from server.stores.redis.nodes import Pace
from server.stores.redis.rooms import RedisRooms
from tests.redis_servers import RedisServer
from tests.stores.guests import TEA_ROOM
from tests.stores.strangers import POLICY

HASTY: Any = {"pace": Pace(beat_s=0.5, silence_s=3, deaf_s=1.5, settle_s=0.75), "timeout_s": 1}
"""For `open_redis`: half of the time for everything."""


@pytest.fixture
def hasty_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the time for whoever listens."""
    for limit in ("SILENCE_S", "CONFIRM_LIMIT_S"):
        monkeypatch.setattr(ear, limit, getattr(ear, limit) / 2)


class Process:
    """What one process has, and what its store tells the broker."""

    def __init__(self, link: Link, node: str, bounds: Bounds, policy: Policy) -> None:
        self.link = link
        self.node = node
        self.bounds = bounds
        self.attachments = Attachments()
        self.leases = Leases(link, bounds)
        self.logs = RoomLogs(link)
        self.rooms = RedisRooms(link, self.attachments, node, bounds, self.leases)
        self.groups = RedisGroups(link, self.attachments, node, policy, bounds, self.leases)

    async def missed(
        self, place: int, room_id: RoomId = TEA_ROOM
    ) -> list[tuple[int, RoomEvent]] | Unknown | Gone:
        """What came after a place, with the places; or why that is not known."""
        found = await self.logs.read(room_id, place)
        if not isinstance(found, Known):
            return found
        return [(placed.place, placed.event) for placed in found.events]


@asynccontextmanager
async def listening(
    link: Link, room_id: RoomId, told: list[tuple[int, RoomEvent]]
) -> AsyncIterator[None]:
    """Hear what is published of a room, into a list."""
    owner = link.cluster and link.cluster.owner_of(keys.tag_of(room_id))
    pubsub = link.cluster.pubsub_at(owner) if link.cluster and owner else link.pubsub()
    async with pubsub as heard:
        subscribe = heard.ssubscribe if link.publish == "SPUBLISH" else heard.subscribe
        await subscribe(keys.channel_of(room_id))

        async def listen() -> None:
            async for message in heard.listen():
                if message["type"] in ("message", "smessage"):
                    place, event = codec.unpack(message["data"])
                    told.append((place, codec.event_of(room_id, event)))

        listener = asyncio.ensure_future(listen())
        try:
            yield
        finally:
            listener.cancel()


@asynccontextmanager
async def process_at(
    url: str, node: str = "node-a", timeout_s: float = 20, policy: Policy = POLICY, **bounds: int
) -> AsyncIterator[Process]:
    link = await connect(url, timeout_s=timeout_s)
    try:
        yield Process(link, node, Bounds(**bounds), policy)
    finally:
        await link.close()


def process(
    server: RedisServer,
    node: str = "node-a",
    timeout_s: float = 20,
    policy: Policy = POLICY,
    **bounds: int,
) -> AbstractAsyncContextManager[Process]:
    """A process; the policy is that of its groups."""
    return process_at(server.url, node, timeout_s, policy, **bounds)
