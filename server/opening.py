"""A server on the stores that its settings name."""

from collections.abc import Sequence

from server.app import APIS, App
from server.core.clock import Clock, SystemClock
from server.core.passwords import Strength
from server.settings import Settings
from server.stores.durable import Durable
from server.stores.redis.live import RedisLive, open_redis
from server.stores.redis.nodes import Node
from server.transports.api import Api
from server.transports.others import Seat
from server.transports.web_files import Client


async def opened(
    settings: Settings,
    *,
    secret: str,
    admin_token: str,
    durable: Durable | None = None,
    clock: Clock | None = None,
    client: Client | None = None,
    seat: Seat | None = None,
    apis: Sequence[Api] = APIS,
    strength: Strength | None = None,
) -> App:
    """A server on the live state that its settings name, and on the durable state unless given.

    Raises:
        StoreAwayError: That cannot be had.
    """
    clock = clock or SystemClock()
    seat = seat or Seat()
    live: RedisLive | None = None
    if settings.redis_url:
        live = await open_redis(
            settings.redis_url,
            Node(seat.node_id, settings.node_url or ""),
            session=settings.session,
            random=settings.random,
            bounds=settings.bounds,
            clock=clock,
        )
    return App(
        settings,
        secret=secret,
        admin_token=admin_token,
        live=live,
        durable=durable,
        clock=clock,
        client=client,
        seat=seat,
        peers=live.peers if live else None,
        apis=apis,
        strength=strength,
    )
