"""Connections of the client library that do not take a stop of this process for one of Redis."""

import math
from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.core.patience import Patience


def patient(pool: ConnectionPool) -> ConnectionPool:
    """Have a pool, which is still empty, open connections that are patient."""
    kind = pool.connection_class
    pool.connection_class = type(kind.__name__, (_Patient, kind), {})
    return pool


class _Patient(AbstractConnection):
    """Connects and reads within the limits of the library, which are off meanwhile."""

    socket_timeout: float
    socket_connect_timeout: float | None

    async def _connect(self) -> None:
        limit_s, self.socket_connect_timeout = self.socket_connect_timeout, None
        assert limit_s
        try:
            async with Patience(limit_s):
                # What inherits this and a kind of connection finds that kind's here.
                await super()._connect()  # type: ignore[safe-super]
        finally:
            self.socket_connect_timeout = limit_s

    async def read_response(
        self,
        disable_decoding: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's
        **options: Any,
    ) -> Any:
        if timeout is not None:
            return await super().read_response(disable_decoding, timeout, **options)
        try:
            async with Patience(self.socket_timeout):
                return await super().read_response(disable_decoding, math.inf, **options)
        except TimeoutError:
            raise RedisTimeoutError("Redis does not answer") from None
