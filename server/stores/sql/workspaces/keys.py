"""Keys of workspaces: changed, used up, and kept under another master key."""

from collections.abc import Mapping, Sequence

from server.core.ids import RoomId, WorkspaceId
from server.core.ports.keys import BEGIN, Sealed, Where
from server.core.workspaces.values import WrappedKey
from server.stores.sql.audit import Action, note_in_workspace
from server.stores.sql.database import Database
from server.stores.sql.steps import Steps, row, rows, run, run_many
from server.stores.sql.workspaces.resealing import (
    is_under,
    reseal_files,
    reseal_posts,
    reseal_rooms,
    under,
)
from server.stores.sql.workspaces.shapes import no_such_workspace, wrapped_key

MAX_RETIRED = 1_000
"""That are looked at in one round."""

_KEY = "k.workspace_id, k.version, k.wrapped, k.wrapped_by"


class SqlKeys:
    """A `KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, workspace_id: WorkspaceId) -> tuple[WrappedKey, str]:
        return await self._database.look_up(lambda: _newest(workspace_id))

    async def rotate(self, old: WrappedKey, new: WrappedKey, name: str, now_ms: int) -> bool:
        return await self._database.write(lambda: rotate(old, new, name, now_ms))

    async def aged(self, before_ms: int, limit: int) -> tuple[WorkspaceId, ...]:
        return await self._database.read(lambda: _aged(before_ms, limit))

    async def retired(self) -> tuple[WrappedKey, ...]:
        return await self._database.read(_retired)

    async def under(self, key: WrappedKey, limit: int, after: Where = BEGIN) -> Sealed:
        return await self._database.read(lambda: under(key, limit, after))

    async def reseal(self, old: Sealed, new: Sealed) -> int:
        if old.rooms:
            return await self._database.write(lambda: reseal_rooms(old, new))
        if old.files:
            return await self._database.write(lambda: reseal_files(old, new))
        rooms = {one.room_id for one in new.posts}
        return sum([await self._reseal_in(one, old, new) for one in sorted(rooms)])

    async def _reseal_in(self, room_id: RoomId, old: Sealed, new: Sealed) -> int:
        return await self._database.write(lambda: reseal_posts(room_id, old, new))

    async def end(self, before_ms: int) -> int:
        return await self._database.write(lambda: end(before_ms))

    async def keys(
        self, after: tuple[WorkspaceId, int] | None, limit: int
    ) -> tuple[WrappedKey, ...]:
        return await self._database.read(lambda: _keys(after, limit))

    async def masters(self) -> Mapping[bytes, int]:
        return await self._database.read(_masters)

    async def rewrap(self, keys: Sequence[WrappedKey]) -> None:
        await self._database.write(lambda: _rewrap(keys))


def _newest(workspace_id: WorkspaceId) -> Steps[tuple[WrappedKey, str]]:
    found = yield from row(
        f"SELECT {_KEY}, w.name FROM workspaces w JOIN workspace_keys k "  # noqa: S608
        "ON k.workspace_id = w.workspace_id AND k.version = w.key_version "
        "WHERE w.workspace_id = $1",
        workspace_id,
    )
    if not found:
        raise no_such_workspace()
    return wrapped_key(found[:4]), found[4].decode()


def rotate(old: WrappedKey, new: WrappedKey, name: str, now_ms: int) -> Steps[bool]:
    moved = yield from row(
        "UPDATE workspaces SET key_version = $3, name = $4 "
        "WHERE workspace_id = $1 AND key_version = $2 RETURNING workspace_id",
        old.workspace_id,
        old.version,
        new.version,
        name.encode(),
    )
    if not moved:
        return False
    yield from run(
        "UPDATE workspace_keys SET retired_ms = $3 WHERE workspace_id = $1 AND version = $2",
        old.workspace_id,
        old.version,
        now_ms,
    )
    yield from run(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, wrapped_by, created_ms) "
        "VALUES ($1, $2, $3, $4, $5)",
        new.workspace_id,
        new.version,
        new.wrapped,
        new.wrapped_by,
        now_ms,
    )
    yield from note_in_workspace(Action.KEY_ROTATED, old.workspace_id, None, None, now_ms)
    return True


def _aged(before_ms: int, limit: int) -> Steps[tuple[WorkspaceId, ...]]:
    found = yield from rows(
        "SELECT workspace_id FROM workspace_keys WHERE retired_ms IS NULL AND created_ms < $1 "
        "ORDER BY created_ms LIMIT $2",
        before_ms,
        limit,
    )
    return tuple(WorkspaceId(one) for (one,) in found)


def _retired() -> Steps[tuple[WrappedKey, ...]]:
    found = yield from rows(
        f"SELECT {_KEY} FROM workspace_keys k WHERE k.retired_ms IS NOT NULL "  # noqa: S608
        "ORDER BY k.retired_ms LIMIT $1",
        MAX_RETIRED,
    )
    return tuple(map(wrapped_key, found))


def end(before_ms: int) -> Steps[int]:
    # Locked before it is looked what is under them: nobody can seal under them any more.
    found = yield from rows(
        f"SELECT {_KEY} FROM workspace_keys k WHERE k.retired_ms <= $1 "  # noqa: S608
        "ORDER BY k.workspace_id, k.version LIMIT $2 FOR UPDATE SKIP LOCKED",
        before_ms,
        MAX_RETIRED,
    )
    ended = 0
    for key in map(wrapped_key, found):
        if not (yield from is_under(key)):
            yield from run(
                "DELETE FROM workspace_keys WHERE workspace_id = $1 AND version = $2",
                key.workspace_id,
                key.version,
            )
            ended += 1
    return ended


def _keys(after: tuple[WorkspaceId, int] | None, limit: int) -> Steps[tuple[WrappedKey, ...]]:
    workspace_id, version = after or ("", 0)
    found = yield from rows(
        f"SELECT {_KEY} FROM workspace_keys k "  # noqa: S608
        "WHERE k.workspace_id > $1 OR (k.workspace_id = $1 AND k.version > $2) "
        "ORDER BY k.workspace_id, k.version LIMIT $3",
        workspace_id,
        version,
        limit,
    )
    return tuple(map(wrapped_key, found))


def _masters() -> Steps[dict[bytes, int]]:
    found = yield from rows("SELECT wrapped_by, COUNT(*) FROM workspace_keys GROUP BY wrapped_by")
    return {bytes(name): count for name, count in found}


def _rewrap(keys: Sequence[WrappedKey]) -> Steps[None]:
    yield from run_many(
        "UPDATE workspace_keys SET wrapped = $3, wrapped_by = $4 "
        "WHERE workspace_id = $1 AND version = $2",
        [(one.workspace_id, one.version, one.wrapped, one.wrapped_by) for one in keys],
    )
