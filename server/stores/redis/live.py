"""Live state that many processes share."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from server.core.clock import Clock
from server.core.events import ConnectionAttached
from server.core.ids import RoomId, new_id
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.stores.redis.attachments import Attachments
from server.stores.redis.broker import RedisBroker
from server.stores.redis.codec import event_of, unpack
from server.stores.redis.connect import connect
from server.stores.redis.ear import Ear
from server.stores.redis.groups import RedisGroups
from server.stores.redis.keys import node_channel
from server.stores.redis.leases import Leases
from server.stores.redis.link import Link
from server.stores.redis.logs import RoomLogs
from server.stores.redis.nodes import Node, Nodes
from server.stores.redis.rates import RedisRateLimiter
from server.stores.redis.rooms import RedisRooms

START_LIMIT_S = 5.0
"""For Redis to tell back what this process has published."""

_TAKE_OVER_STEP = 200


class RedisLive:
    """A `Live` on a Redis that other processes use as well."""
