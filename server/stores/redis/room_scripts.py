"""The scripts of sessions, and the words with which they refuse."""

from collections.abc import Callable

from server.core.errors import AppError
from server.stores import refusals
from server.stores.redis.scripts import Script

_ROOM = ("books", "members", "room")
_HISTORY = (*_ROOM, "history")


def _plain(name: str, *preludes: str) -> Script:
    return Script(f"rooms/{name}", preludes)


def _kept(name: str, *preludes: str) -> Script:
    """One whose changes must outlive the server: nobody would make them again."""
    return Script(f"rooms/{name}", preludes, is_kept=True)


RESERVE = _kept("reserve", *_ROOM)
JOIN = _kept("join", *_ROOM)
MEMBERS = _plain("members", *_ROOM)
SAVE_KEY = _kept("save_key", *_ROOM)
APPEND = _kept("append", *_HISTORY)
RECIPIENT = _plain("recipient", *_ROOM)
TOUCH = _plain("touch", *_ROOM)
LOCK = _kept("lock", *_ROOM)
REMOVE = _kept("remove", *_ROOM)
LEAVE = _kept("leave", *_ROOM)
LOSE = _kept("lose", *_ROOM)
LOSE_NODE = _kept("lose_node", *_ROOM)
ATTACHED = _plain("attached", *_ROOM)
HELD = _plain("held")
RESTORE = _kept("restore", *_HISTORY)
RECALL = _plain("recall", *_HISTORY)
EXPIRE_LOST = _plain("expire_lost", *_ROOM)
EXPIRE_IDLE = _plain("expire_idle", *_ROOM)
SUMMARIES = _plain("summaries", *_ROOM)
TOTALS = _plain("totals", "books")

REFUSALS: dict[str, Callable[[], AppError]] = {
    "ROOM_EXISTS": refusals.room_exists,
    "ROOM_NOT_FOUND": refusals.room_not_found,
    "INVALID_KEY": refusals.invalid_key,
    "SOMEBODY_ELSE": refusals.somebody_else,
    "USER_ID_TAKEN": refusals.user_id_taken,
    "ROOM_LOCKED": refusals.room_locked,
    "NOT_A_MEMBER": refusals.not_a_member,
    "NOT_PROVED": refusals.not_proved,
    "NOT_THE_CREATOR": refusals.not_the_creator,
    "REMOVING_ONESELF": refusals.removing_oneself,
    "RECIPIENT_NOT_FOUND": refusals.recipient_not_found,
    "ID_CONFLICT": refusals.id_conflict,
}
"""Those that need nothing else to be said."""
