"""Sessions to be restored, in Redis: `core.ports.RecoveryStore` for many processes.

Each is a hash that expires: the line that has it, the session as MessagePack, and until when.
"""

from collections.abc import Mapping
from typing import Any

from server.core.ids import ConnectionId, RoomId
from server.core.kinds import Kind
from server.core.opaque import Opaque
from server.core.ports import Session, Standing
from server.core.ports.recoveries import TAKING_MS
from server.stores.redis.codec import pack, unpack, user_id_of
from server.stores.redis.keys import NODES
from server.stores.redis.link import Link
from server.stores.redis.scripts import Script

_KEEP = Script("recoveries/keep", is_kept=True)
_HOLD = Script("recoveries/hold")
_TAKE = Script("recoveries/take")
_FORGET = Script("recoveries/forget")


class RedisRecoveries:
    """A `RecoveryStore` in Redis, which forgets by itself what is over."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def keep(self, name: bytes, session: Session, kept_ms: int, now_ms: int) -> bool:
        arguments = (name, session.line, _packed(session), kept_ms, now_ms)
        return bool(await self._link.run(_KEEP, NODES, *arguments))

    async def hold(self, lines: Mapping[bytes, str], kept_ms: int, now_ms: int) -> frozenset[bytes]:
        pairs = (word for pair in lines.items() for word in pair)
        return frozenset(await self._link.run(_HOLD, NODES, kept_ms, now_ms, *pairs))

    async def take(self, name: bytes, line: str, now_ms: int) -> Session | None:
        packed = await self._link.run(_TAKE, NODES, name, line, TAKING_MS, now_ms)
        return _session(unpack(packed)) if packed else None

    async def forget(self, name: bytes, line: str) -> bool:
        return bool(await self._link.run(_FORGET, NODES, name, line))

    async def expire(self, now_ms: int) -> None:
        """Redis does so."""


def _packed(session: Session) -> bytes:
    rooms = [[getattr(one, field) for field in Standing.__struct_fields__] for one in session.rooms]
    return pack([session.connection_id, session.line, session.user_id, rooms])


def _session(plain: list[Any]) -> Session:
    connection_id, line, user_id, rooms = plain
    return Session(
        connection_id=ConnectionId(connection_id),
        line=line,
        user_id=None if user_id is None else user_id_of(user_id),
        rooms=tuple(map(_standing, rooms)),
    )


def _standing(plain: list[Any]) -> Standing:
    fields = dict(zip(Standing.__struct_fields__, plain, strict=True))
    public_key = fields["public_key"]
    return Standing(
        **fields
        | {
            "room_id": RoomId(fields["room_id"]),
            "user_id": user_id_of(fields["user_id"]),
            "kind": Kind(fields["kind"]),
            "public_key": None if public_key is None else Opaque.restored(public_key),
        }
    )
