"""Live state that many processes share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError

from server.core.clock import Clock
from server.core.events import ConnectionAttached
from server.core.ids import RoomId
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.patience import Patience
from server.core.ports import (
    Broker,
    GroupStore,
    Peers,
    PresenceStore,
    RateLimiter,
    RecoveryStore,
    RoomStore,
    Topics,
    UserBroker,
)
from server.stores.live import StoreAwayError
from server.stores.redis.addressed import AddressedBroker, mark_of
from server.stores.redis.allowances import Allowances
from server.stores.redis.attachments import Attachments
from server.stores.redis.broker import RedisBroker
from server.stores.redis.codec import event_of, unpack
from server.stores.redis.connect import TIMEOUT_S, connect
from server.stores.redis.ears import ear_on
from server.stores.redis.ending import end
from server.stores.redis.groups import RedisGroups
from server.stores.redis.keys import BEAT, GROUPS, SHARD_TAGS, node_channel
from server.stores.redis.leases import Leases
from server.stores.redis.link import Link, unavailable
from server.stores.redis.logs import RoomLogs
from server.stores.redis.nodes import Node, Nodes, Pace
from server.stores.redis.peers import RedisPeers
from server.stores.redis.presences import WORKSPACES, RedisPresences
from server.stores.redis.rates import RedisRateLimiter
from server.stores.redis.recoveries import RedisRecoveries
from server.stores.redis.rooms import RedisRooms
from server.stores.redis.topics import RedisTopics
from server.stores.redis.user_broker import RedisUserBroker

START_LIMIT_S = 5.0
"""For Redis to tell back what this process has published."""

_STEP = 200
"""Connections of a dead process that are noted as lost at a time: others have their turn."""


class RedisLive:
    """A `Live` on a Redis that other processes use as well.

    Args:
        session, random: Policies of sessions and of random groups.
    """

    def __init__(
        self,
        link: Link,
        node: Node,
        *,
        session: Policy,
        random: Policy,
        bounds: Bounds,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._link = link
        self._clock = clock
        self._grace_ms = random.grace_ms
        self._own = node_channel(node.node_id)
        attachments = Attachments()
        leases = self._leases = Leases(link, bounds)
        self._rooms = RedisRooms(link, attachments, node.node_id, bounds, leases)
        self._groups = RedisGroups(link, attachments, node.node_id, random, bounds, leases)
        self._broker = RedisBroker(RoomLogs(link), attachments, session.idle_limit_ms)
        self.rooms: RoomStore = self._rooms
        self.groups: GroupStore = self._groups
        self.limiter: RateLimiter = Allowances(RedisRateLimiter(link))
        self.broker: Broker = self._broker
        users, topics = RedisUserBroker(link), RedisTopics(link)
        self.user_broker: UserBroker = users
        self.topics: Topics = topics
        brokers: tuple[AddressedBroker[Any, Any], ...] = (users, topics)
        self._addressed = {one.mark: one for one in brokers}
        self.presences: PresenceStore = RedisPresences(link, node.node_id)
        self.workspace_presences: PresenceStore = RedisPresences(link, node.node_id, WORKSPACES)
        self.peers: Peers = RedisPeers(link)
        self.recoveries: RecoveryStore = RedisRecoveries(link)
        self._ear = ear_on(
            link,
            own=self._own,
            on_message=self._heard,
            on_restored=self._restored,
        )
        self._broker.listen_by(self._ear)
        for one in self._addressed.values():
            one.listen_by(self._ear)
        self._broker.subscribe(self._rooms.holdings.hear)
        self._node = node
        self._pace = pace
        self._nodes: Nodes
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_ready(self) -> bool:
        return self._link.is_up and self._ear.is_on and self._nodes.is_heard

    async def start(self, on_lost: Callable[[], Awaitable[None]]) -> None:
        """Begin to hear of others.

        Raises:
            TimeoutError: Redis does not tell what is published there.
        """
        self._nodes = Nodes(
            self._link,
            self._node,
            take_over=self._take_over,
            on_lost=on_lost,
            on_changed=self._restore,
            on_settled=self._broker.check_all,
            pace=self._pace,
        )
        self._tasks.append(asyncio.create_task(self._ear.listen()))
        async with Patience(START_LIMIT_S):
            await self._ear.begun.wait()
            self._tasks.append(asyncio.create_task(self._nodes.run()))
            await self._nodes.began.wait()

    async def stop(self) -> None:
        await end(self._tasks)
        await self._broker.close()
        for one in self._addressed.values():
            await one.close()
        await self._nodes.leave()
        await self._link.close()

    def _restored(self) -> None:
        self._broker.check_all()
        for one in self._addressed.values():
            one.restored()

    def _heard(self, channel: str, data: bytes) -> None:
        if addressed := self._addressed.get(mark_of(channel)):
            addressed.heard(channel, data)
        elif channel != self._own:
            self._broker.heard(channel, data)
        elif data == BEAT:
            self._nodes.heard()
        else:
            room_id, place, plain = unpack(data)
            event = event_of(RoomId(room_id), plain)
            if isinstance(event, ConnectionAttached):
                self._broker.attach(event, place)

    async def _restore(self) -> None:
        """Bring back what this process knows, after Redis has lost some or all of it.

        Masters of a Cluster that do not answer are left out: if they come back with less than
        they had, it is done once more.

        Raises:
            AppError: UNAVAILABLE. Then it is to be done again.
        """
        await self._leases.note_all()
        now_ms = self._clock.now_ms()
        for event in await self._rooms.restore_all(now_ms):
            self._broker.tell_here(event)
        if self._link.is_there(GROUPS):
            await self._broker.follow(await self._groups.restore(now_ms, now_ms + self._grace_ms))

    async def _take_over(self, node_id: str) -> None:
        """Note all connections of a dead process as lost; their members have their grace.

        Raises:
            AppError: UNAVAILABLE. Where something answers it is done.
        """
        now_ms = self._clock.now_ms()
        leave_at_ms = now_ms + self._grace_ms
        while await self._rooms.lose_node(node_id, now_ms, _STEP):
            pass  # the next step
        while await self._groups.lose_node(node_id, now_ms, leave_at_ms, _STEP):
            pass
        if not all(map(self._link.is_there, SHARD_TAGS)):
            raise unavailable()


async def open_redis(
    url: str,
    node: Node,
    *,
    session: Policy,
    random: Policy,
    bounds: Bounds,
    clock: Clock,
    pace: Pace | None = None,
    timeout_s: float = TIMEOUT_S,
) -> RedisLive:
    """Live state in the Redis of this URL.

    Args:
        timeout_s: For one command.

    Raises:
        StoreAwayError: It cannot be reached, or is too old.
    """
    try:
        link = await connect(url, timeout_s=timeout_s)
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        raise StoreAwayError(str(error) or type(error).__name__) from error
    return RedisLive(
        link,
        node,
        session=session,
        random=random,
        bounds=bounds,
        clock=clock,
        pace=pace or Pace(),
    )
