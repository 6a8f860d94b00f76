"""Which users are connected to any process that shares a Redis."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from server.core.ids import UserId
from server.stores.redis.codec import user_id_of, written
from server.stores.redis.keys import SHARD_TAGS, user_tag
from server.stores.redis.link import Call, Link, Value
from server.stores.redis.scripts import Script

USERS, WORKSPACES = "on", "in"
"""Spaces: who is connected at all, and who has joined a workspace."""


class RedisPresences:
    """A `PresenceStore` for all processes that share a Redis.

    Args:
        space: Of which others know nothing.
    """

    def __init__(self, link: Link, node_id: str, space: str = USERS) -> None:
        self._link = link
        self._node_id = node_id
        hold, release, lapsed, present = (
            Script(f"presences/{name}", ("presence",), constants=(("SPACE", space),))
            for name in ("hold", "release", "lapsed", "present")
        )
        self._hold, self._release, self._lapsed, self._present = hold, release, lapsed, present

    async def hold(self, users: Sequence[UserId], until_ms: int, now_ms: int) -> tuple[UserId, ...]:
        calls = _calls(users, self._node_id, until_ms, now_ms)
        return _users(await self._link.run_many(self._hold, calls))

    async def release(self, user_id: UserId, now_ms: int) -> bool:
        tag = user_tag(user_id)
        known = (self._node_id, written(user_id), now_ms)
        return bool(await self._link.run(self._release, tag, *known))

    async def lapsed(self, now_ms: int, limit: int) -> tuple[UserId, ...]:
        calls: list[Call] = [(tag, now_ms, limit) for tag in SHARD_TAGS]
        return _users(await self._link.run_many(self._lapsed, calls))

    async def present(self, users: Sequence[UserId], now_ms: int) -> frozenset[UserId]:
        return frozenset(_users(await self._link.run_many(self._present, _calls(users, now_ms))))


def _calls(users: Iterable[UserId], *arguments: Value) -> list[Call]:
    """One for each tag, of its users."""
    by_tag: defaultdict[str, list[Value]] = defaultdict(list)
    for user_id in users:
        by_tag[user_tag(user_id)].append(written(user_id))
    return [(tag, *(*arguments, *some)) for tag, some in by_tag.items()]


def _users(answers: Iterable[Iterable[bytes]]) -> tuple[UserId, ...]:
    return tuple(user_id_of(one.decode()) for answer in answers for one in answer)
