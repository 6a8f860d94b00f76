"""Steps by which files follow the messages that they hang on."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections.abc import Iterable, Sequence

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import DeviceId, UserId
from server.stores.sql.audit import Action, note_in_room
from server.stores.sql.steps import Steps, listed, rows, run, run_many

UPLOADING, READY, GONE = "uploading", "ready", "gone"
"""The states of a file; what is gone is deleted by and by."""


class Hung(Struct, frozen=True):
    """Files on their way to a message."""

    seq: int
    sender: str
    file_ids: tuple[str, ...]
    now_ms: int


Wanted = tuple[str, str, str]
"""A file that a message is to have: its id, the room, and who has sent both."""

# Asked: these three. PostgreSQL looks again at what it has waited for.
_FREE = (
    "SELECT f.file_id, f.room_id, f.uploader_id FROM json_array_elements($1::json) AS asked "
    "JOIN files f ON f.file_id = (asked.value ->> 0) "
    f"WHERE f.room_id = (asked.value ->> 1) AND f.state = '{READY}' AND f.seq IS NULL "
    "ORDER BY f.file_id FOR UPDATE OF f"
)


def free_files(wanted: Iterable[Wanted]) -> Steps[set[Wanted]]:
    """Which of these are there and on no message yet; they stay so until the end.

    For whoever has locked the rooms, and no message.
    """
    asked = sorted(set(wanted))
    if not asked:
        return set()
    found = yield from rows(_FREE, listed(asked))
    return {(file_id, room_id, sender) for file_id, room_id, sender in found}.intersection(asked)


def hold_more_files(
    room_id: str, seq: int, sender: str, file_ids: Iterable[str]
) -> Steps[tuple[str, ...]]:
    """Hold what a message is to have that it does not have yet, with its room, as who sends does.

    For whoever has locked no message.

    Raises:
        AppError: NOT_FOUND unless the sender has put all of it there, and it is on no message.
    """
    held = yield from rows(
        f"SELECT file_id FROM files WHERE room_id = $1 AND seq = $2 AND state = '{READY}'",
        room_id,
        seq,
    )
    more = sorted(set(file_ids) - {file_id for (file_id,) in held})
    if more:
        yield from run("SELECT 1 FROM rooms WHERE room_id = $1 FOR NO KEY UPDATE", room_id)
        wanted = {(file_id, room_id, sender) for file_id in more}
        if (yield from free_files(wanted)) != wanted:
            raise no_such_file()
    return tuple(more)


def hang_files(room_id: str, workspace_id: str | None, hung: Sequence[Hung]) -> Steps[None]:
    """Hang files, which are free, on messages of a room."""
    yield from run_many(
        "UPDATE files SET seq = $2, due_ms = NULL WHERE file_id = $1",
        [(file_id, one.seq) for one in hung for file_id in one.file_ids],
    )
    for one in hung:
        yield from note_in_room(
            Action.FILE_ADDED, room_id, one.sender, one.file_ids, one.now_ms, workspace_id
        )


def drop_files(
    room_id: str,
    workspace_id: str | None,
    seq: int,
    by: str,
    now_ms: int,
    kept: Iterable[str] = (),
) -> Steps[None]:
    """Have what hangs on a message, which is locked, be garbage, but for what is kept."""
    dropped = yield from rows(
        f"UPDATE files SET state = '{GONE}', due_ms = 0 WHERE room_id = $1 AND seq = $2 "
        f"AND state = '{READY}' AND NOT (file_id = ANY($3::text[])) RETURNING file_id",
        room_id,
        seq,
        sorted(kept),
    )
    file_ids = sorted(file_id for (file_id,) in dropped)
    yield from note_in_room(Action.FILE_REMOVED, room_id, by, file_ids, now_ms, workspace_id)


def end_files(messages: Sequence[tuple[str, int]]) -> Steps[None]:
    """Have what hangs on messages that are no more be garbage: their rooms and sequences."""
    yield from run_many(
        f"UPDATE files SET state = '{GONE}', due_ms = 0 WHERE room_id = $1 AND seq = $2",
        sorted(messages),
    )


def end_files_of_room(room_id: str) -> Steps[None]:
    """Have all that was put into a room be garbage; but what still comes is that by itself."""
    yield from run(
        f"UPDATE files SET state = '{GONE}', due_ms = 0 WHERE room_id = $1 AND state = '{READY}'",
        room_id,
    )


def leave_files(user_id: UserId, device_id: DeviceId | None, now_ms: int) -> Steps[None]:
    """Have what an account that is deleted has sent, and no message has, be garbage."""
    if device_id is not None:
        return
    yield from run(
        f"UPDATE files SET state = '{GONE}', due_ms = 0 "
        f"WHERE due_ms IS NOT NULL AND uploader_id = $1 AND state = '{READY}'",
        user_id,
    )


def no_such_file() -> AppError:
    return AppError(Code.NOT_FOUND, "there is no such file for you")
