"""Which users are connected to any process that shares a Redis."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from server.core.ids import UserId
from server.stores.redis.codec import user_id_of, written
from server.stores.redis.keys import SHARD_TAGS, user_tag
from server.stores.redis.link import Call, Link, Value
from server.stores.redis.scripts import Script

_HOLD = Script("presences/hold", ("presence",))
_RELEASE = Script("presences/release", ("presence",))
_LAPSED = Script("presences/lapsed", ("presence",))
_PRESENT = Script("presences/present", ("presence",))


class RedisPresences:
    """A `PresenceStore` for all processes that share a Redis."""

    def __init__(self, link: Link, node_id: str) -> None:
        self._link = link
        self._node_id = node_id

    async def hold(self, users: Sequence[UserId], until_ms: int, now_ms: int) -> tuple[UserId, ...]:
        calls = _calls(users, self._node_id, until_ms, now_ms)
        return _users(await self._link.run_many(_HOLD, calls))

    async def release(self, user_id: UserId, now_ms: int) -> bool:
        tag = user_tag(user_id)
        known = (self._node_id, written(user_id), now_ms)
        return bool(await self._link.run(_RELEASE, tag, *known))

    async def lapsed(self, now_ms: int, limit: int) -> tuple[UserId, ...]:
        calls: list[Call] = [(tag, now_ms, limit) for tag in SHARD_TAGS]
        return _users(await self._link.run_many(_LAPSED, calls))

    async def present(self, users: Sequence[UserId], now_ms: int) -> frozenset[UserId]:
        return frozenset(_users(await self._link.run_many(_PRESENT, _calls(users, now_ms))))


def _calls(users: Iterable[UserId], *arguments: Value) -> list[Call]:
    """One for each tag, of its users."""
    by_tag: defaultdict[str, list[Value]] = defaultdict(list)
    for user_id in users:
        by_tag[user_tag(user_id)].append(written(user_id))
    return [(tag, *(*arguments, *some)) for tag, some in by_tag.items()]


def _users(answers: Iterable[Iterable[bytes]]) -> tuple[UserId, ...]:
    return tuple(user_id_of(one.decode()) for answer in answers for one in answer)
