"""Files of conversations in SQL: what is known of them."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections import Counter
from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import FileId, RoomId, UserId, WorkspaceId
from server.core.limits import Bounds
from server.core.ports.files import FilePlace, NewFile, StoredFile
from server.core.ports.workspaces import Entrant
from server.stores.sql.attached import GONE, READY, UPLOADING, no_such_file
from server.stores.sql.conversations.shapes import no_such_room, readable
from server.stores.sql.database import Database
from server.stores.sql.sealing import check_key
from server.stores.sql.steps import Steps, row, rows, run, run_many, value
from server.stores.sql.usage import give_back
from server.stores.sql.workspaces.shapes import claimed, is_in, wrapped_key

_PLACE = (
    "SELECT r.workspace_id, k.version, k.wrapped, k.wrapped_by "
    "FROM room_members me JOIN rooms r ON r.room_id = me.room_id "
    "JOIN workspaces w ON w.workspace_id = r.workspace_id "
    "JOIN workspace_members wm ON wm.workspace_id = w.workspace_id AND wm.user_id = me.user_id "
    "JOIN workspace_keys k ON k.workspace_id = w.workspace_id AND k.version = w.key_version "
    f"WHERE me.room_id = $1 AND me.user_id = $2 AND {is_in('wm', '$3')}"
)

_FILE = (
    "SELECT f.room_id, f.uploader_id, f.size_bytes, f.created_ms, f.wrapped_key, f.details, "
    "f.workspace_id, k.version, k.wrapped, k.wrapped_by FROM files f "
    "JOIN room_members me ON me.room_id = f.room_id AND me.user_id = $2 "
    "JOIN workspace_members wm ON wm.workspace_id = f.workspace_id AND wm.user_id = me.user_id "
    "JOIN workspace_keys k ON k.workspace_id = f.workspace_id AND k.version = f.key_version "
    "LEFT JOIN messages m ON m.room_id = f.room_id AND m.seq = f.seq "
    f"WHERE f.file_id = $1 AND f.state = '{READY}' AND {is_in('wm', '$4')} "
    "AND (f.seq IS NULL AND f.uploader_id = $2 "
    f"OR f.seq IS NOT NULL AND m.deleted_ms IS NULL AND {readable('$2', '$3')})"
)


class SqlFiles:
    """A `FileStore`."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._bounds = bounds

    async def place(self, who: Entrant, room_id: RoomId) -> FilePlace:
        return await self._database.look_up(lambda: place(who, room_id))

    async def begin(self, new: NewFile, now_ms: int, due_ms: int) -> None:
        await self._database.write(lambda: begin(new, now_ms, due_ms, self._bounds))

    async def go_on(self, file_id: FileId, due_ms: int) -> None:
        await self._database.write(lambda: go_on(file_id, due_ms))

    async def finish(self, file_id: FileId, size_bytes: int, due_ms: int) -> None:
        await self._database.write(lambda: finish(file_id, size_bytes, due_ms))

    async def give_up(self, file_id: FileId) -> None:
        await self._database.write(lambda: _end([file_id], 0))

    async def get(self, who: Entrant, file_id: FileId, now_ms: int) -> StoredFile:
        return await self._database.look_up(lambda: get(who, file_id, now_ms))

    async def garbage(self, now_ms: int, limit: int) -> tuple[FileId, ...]:
        return await self._database.write(lambda: garbage(now_ms, limit))

    async def forget(self, file_ids: Sequence[FileId]) -> None:
        await self._database.write(lambda: forget(file_ids))


def place(who: Entrant, room_id: RoomId) -> Steps[FilePlace]:
    found = yield from row(_PLACE, room_id, who.user_id, claimed(who))
    if not found:
        raise no_such_room()
    workspace_id = WorkspaceId(found[0])
    return FilePlace(room_id=room_id, workspace_id=workspace_id, key=wrapped_key(found))


def begin(new: NewFile, now_ms: int, due_ms: int, bounds: Bounds) -> Steps[None]:
    yield from _hold(new.place.workspace_id, new.reserved_bytes, bounds)
    yield from check_key(new.place.workspace_id, new.place.key.version)
    yield from run(
        "INSERT INTO files (file_id, workspace_id, room_id, uploader_id, state, size_bytes, "
        "key_version, wrapped_key, details, created_ms, due_ms) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        new.file_id,
        new.place.workspace_id,
        new.place.room_id,
        new.uploader,
        UPLOADING,
        new.reserved_bytes,
        new.place.key.version,
        new.wrapped_key,
        new.details.encode(),
        now_ms,
        due_ms,
    )
    stored = yield from value(
        "INSERT INTO stored_bytes (user_id, bytes) VALUES ($1, $2) ON CONFLICT (user_id) "
        "DO UPDATE SET bytes = stored_bytes.bytes + excluded.bytes RETURNING bytes",
        new.uploader,
        new.reserved_bytes,
    )
    if stored > bounds.account_bytes:
        problem = f"your messages and files may take {bounds.account_bytes} bytes; delete some"
        raise AppError(Code.LIMIT_REACHED, problem)


def _hold(workspace_id: str, size_bytes: int, bounds: Bounds) -> Steps[None]:
    held = yield from value(
        "UPDATE workspaces SET file_bytes = file_bytes + $2 WHERE workspace_id = $1 "
        "RETURNING file_bytes",
        workspace_id,
        size_bytes,
    )
    if held > bounds.workspace_file_bytes:
        problem = f"a workspace's files may take {bounds.workspace_file_bytes} bytes; delete some"
        raise AppError(Code.LIMIT_REACHED, problem)


def go_on(file_id: FileId, due_ms: int) -> Steps[None]:
    found = yield from row(
        "UPDATE files SET due_ms = $2 WHERE file_id = $1 AND state = $3 RETURNING 1",
        file_id,
        due_ms,
        UPLOADING,
    )
    if not found:
        raise no_such_file()


def finish(file_id: FileId, size_bytes: int, due_ms: int) -> Steps[None]:
    # Nobody else changes what was reserved for it, so it is read before anything is locked.
    found = yield from row(
        "SELECT workspace_id, uploader_id, size_bytes FROM files WHERE file_id = $1 AND state = $2",
        file_id,
        UPLOADING,
    )
    if not found:
        raise no_such_file()
    workspace_id, uploader, reserved_bytes = found
    spare_bytes = reserved_bytes - size_bytes
    yield from _release({workspace_id: spare_bytes})
    finished = yield from row(
        "UPDATE files SET state = $2, size_bytes = $3, due_ms = $4 "
        "WHERE file_id = $1 AND state = $5 RETURNING 1",
        file_id,
        READY,
        size_bytes,
        due_ms,
        UPLOADING,
    )
    if not finished:
        raise no_such_file()
    yield from give_back([(uploader, spare_bytes)])


def get(who: Entrant, file_id: FileId, now_ms: int) -> Steps[StoredFile]:
    found = yield from row(_FILE, file_id, who.user_id, now_ms, claimed(who))
    if not found:
        raise no_such_file()
    room_id, uploader, size_bytes, created_ms, own_key, details = found[:6]
    return StoredFile(
        file_id=file_id,
        room_id=RoomId(room_id),
        uploader=UserId(uploader),
        size_bytes=size_bytes,
        created_ms=created_ms,
        key=wrapped_key(found[6:]),
        wrapped_key=bytes(own_key),
        details=details.decode(),
    )


def garbage(now_ms: int, limit: int) -> Steps[tuple[FileId, ...]]:
    found = yield from rows(
        "SELECT file_id FROM files WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2 "
        "FOR UPDATE SKIP LOCKED",
        now_ms,
        limit,
    )
    file_ids = [FileId(file_id) for (file_id,) in found]
    # Now, and not 0: what could not be deleted comes after all that was not tried yet.
    yield from _end(file_ids, now_ms)
    return tuple(file_ids)


def _end(file_ids: Sequence[str], due_ms: int) -> Steps[None]:
    yield from run(
        f"UPDATE files SET state = '{GONE}', due_ms = $2 WHERE file_id = ANY($1::text[])",
        list(map(str, file_ids)),
        due_ms,
    )


def forget(file_ids: Sequence[FileId]) -> Steps[None]:
    wanted = list(map(str, file_ids))
    # Workspaces before files, as everywhere.
    yield from rows(
        "SELECT 1 FROM workspaces WHERE workspace_id IN ("
        "SELECT workspace_id FROM files WHERE file_id = ANY($1::text[])) "
        "ORDER BY workspace_id FOR NO KEY UPDATE",
        wanted,
    )
    gone = yield from rows(
        f"DELETE FROM files WHERE file_id = ANY($1::text[]) AND state = '{GONE}' "
        "RETURNING workspace_id, uploader_id, size_bytes",
        wanted,
    )
    by_workspace: Counter[str] = Counter()
    for workspace_id, _, size_bytes in gone:
        by_workspace[workspace_id] += size_bytes
    yield from _release(by_workspace)
    yield from give_back([one[1:] for one in gone])


def _release(by_workspace: dict[str, int]) -> Steps[None]:
    yield from run_many(
        "UPDATE workspaces SET file_bytes = file_bytes - $2 WHERE workspace_id = $1",
        sorted(by_workspace.items()),
    )
