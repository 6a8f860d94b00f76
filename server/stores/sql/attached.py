"""Steps by which files follow the messages that they hang on."""

# ruff: noqa: S608  # nothing but names of this package is put into statements

from collections.abc import Sequence

from server.core.errors import AppError, Code
from server.core.ids import FileId
from server.stores.sql.steps import Steps, rows, run, run_many

UPLOADING, READY, GONE = "uploading", "ready", "gone"
"""The states of a file; what is gone is deleted by and by."""


def hang_files(room_id: str, seq: int, sender: str, file_ids: Sequence[FileId]) -> Steps[None]:
    """Hang files on a message, which its sender has put into that room and on no other.

    Raises:
        AppError: NOT_FOUND unless all of them are such.
    """
    if not file_ids:
        return
    hung = yield from rows(
        "UPDATE files SET seq = $3, due_ms = NULL WHERE file_id = ANY($1::text[]) "
        f"AND room_id = $2 AND uploader_id = $4 AND state = '{READY}' AND seq IS NULL RETURNING 1",
        sorted({str(one) for one in file_ids}),
        room_id,
        seq,
        sender,
    )
    if len(hung) != len(set(file_ids)):
        raise no_such_file()


def keep_files(room_id: str, seq: int, file_ids: Sequence[FileId]) -> Steps[None]:
    """Have what hangs on a message be garbage but for these, as after an edit."""
    yield from run(
        f"UPDATE files SET state = '{GONE}', due_ms = 0 WHERE room_id = $1 AND seq = $2 "
        "AND NOT (file_id = ANY($3::text[]))",
        room_id,
        seq,
        sorted(map(str, file_ids)),
    )


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


def no_such_file() -> AppError:
    return AppError(Code.NOT_FOUND, "there is no such file for you")
