"""Every key of Redis, of every type, a little at a time."""

from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError

from scripts.audit_parts.forms import Needles
from scripts.audit_parts.looks import Look
from scripts.audit_parts.search import PIECE_BYTES, Search
from server.stores.redis.connect import UnfitRedisError, connect

LIMIT_S = 30.0

KEYS = 200
"""That are asked for at once."""

VALUES = 20
"""Of one key, likewise: each may be as large as the largest message."""

SLOW_LOG = 1024
"""Entries: they have the arguments of commands."""

Client = Any
"""Of redis-py, whose types do not tell the answers of its two kinds of clients apart."""


async def look_at_redis(url: str, where: str, needles: Needles) -> Look:
    """Look at everything in a Redis; of a Cluster, in all of its masters."""
    look = Look("Redis", where)
    try:
        link = await connect(url, timeout_s=LIMIT_S)
    except (UnfitRedisError, ValueError) as error:
        look.problem = str(error)
        return look
    keys = 0
    try:
        for client in link.clients:
            keys += await _look_at_keys(client, needles, look)
            search = Search(needles)
            _feed_all(search, await client.execute_command("SLOWLOG", "GET", SLOW_LOG))
            look.take(search)
    except (RedisError, OSError, TimeoutError) as error:
        look.problem = str(error) or "no answer in time"
    finally:
        await link.close()
    look.detail = f"{keys:,} keys"
    return look


async def _look_at_keys(client: Client, needles: Needles, look: Look) -> int:
    search, count = Search(needles), 0
    async for key in client.scan_iter(count=KEYS):
        count += 1
        search.feed_value(key)
        kind = (await client.type(key)).decode()
        if kind in READ:
            await READ[kind](client, key, search)
        elif kind != "none":  # it has ended meanwhile
            look.problem = f"there is a key of the unknown type {kind}"
    look.take(search)
    return count


def _feed_all(search: Search, answer: Any) -> None:
    """All the bytes in an answer, however deep."""
    if isinstance(answer, bytes):
        search.feed_value(answer)
    elif isinstance(answer, dict):
        _feed_all(search, [*answer.keys(), *answer.values()])
    elif isinstance(answer, list | tuple):
        for one in answer:
            _feed_all(search, one)


async def _string(client: Client, key: bytes, search: Search) -> None:
    start = 0
    while part := await client.getrange(key, start, start + PIECE_BYTES - 1):
        search.feed(part)
        start += PIECE_BYTES
    search.feed_value(b"")


async def _list(client: Client, key: bytes, search: Search) -> None:
    start = 0
    while page := await client.lrange(key, start, start + VALUES - 1):
        for value in page:
            search.feed_value(value)
        start += VALUES


async def _set(client: Client, key: bytes, search: Search) -> None:
    async for value in client.sscan_iter(key, count=VALUES):
        search.feed_value(value)


async def _hash(client: Client, key: bytes, search: Search) -> None:
    async for name, value in client.hscan_iter(key, count=VALUES):
        search.feed_value(name)
        search.feed_value(value)


async def _sorted(client: Client, key: bytes, search: Search) -> None:
    async for value, _ in client.zscan_iter(key, count=VALUES):
        search.feed_value(value)


async def _stream(client: Client, key: bytes, search: Search) -> None:
    start = b"-"
    while page := await client.xrange(key, min=start, count=VALUES):
        for entry_id, fields in page:
            _feed_all(search, fields or {})
            start = b"(" + entry_id


READ: dict[str, Callable[[Client, bytes, Search], Awaitable[None]]] = {
    "string": _string,
    "list": _list,
    "set": _set,
    "hash": _hash,
    "zset": _sorted,
    "stream": _stream,
}
