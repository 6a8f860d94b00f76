"""The names by which the core knows rooms, people, messages and connections.

Each is text of its own type, so that a room id is never taken for a user id. All of them
are opaque: nothing is ever read out of an id.
"""

import os
import secrets
import time
from typing import NewType


class RoomId(str):
    """Names a room; chosen by its clients or made by `new_id`."""

    __slots__ = ()


class Recipient(str):
    """Whom something is for, as the sender wrote it: a user id, or a word for everybody."""

    __slots__ = ()


class UserId(Recipient):
    """Names a person within a room; chosen by the client."""

    __slots__ = ()


class NumericUserId(UserId):
    """A user id that its client wrote as a number.

    It equals its text (`NumericUserId("7") == UserId("7")`), and is written back to every
    client as a number.
    """

    __slots__ = ()


class MessageId(str):
    """Names a message within its room; a client that retries sends the same one again."""

    __slots__ = ()


ConnectionId = NewType("ConnectionId", str)
"""One live connection of one browser tab or program."""

Identity = NewType("Identity", str)
"""One person in one room, across reconnections and changes of user id.

Whoever holds a member token *is* that identity; a user id alone proves nothing.
"""


class _RandomBytes:
    """The system's random bytes, fetched many at a time: each fetch is a call of the system."""

    _FETCHED = 4096

    def __init__(self) -> None:
        self._unused = b""
        os.register_at_fork(after_in_child=self._forget)

    def take(self, count: int) -> bytes:
        if len(self._unused) < count:
            self._unused = os.urandom(self._FETCHED)
        taken, self._unused = self._unused[:count], self._unused[count:]
        return taken

    def _forget(self) -> None:
        """A child process must not make the ids that its parent makes."""
        self._unused = b""


_random_bytes = _RandomBytes()


def new_id() -> str:
    """A UUIDv7: unique, and later ids sort after earlier ones to the millisecond.

    It is no secret: see `new_secret` for those.
    """
    stamp = time.time_ns() // 1_000_000
    value = (stamp << 80) | int.from_bytes(_random_bytes.take(10))
    value = value & ~(0xF << 76) | (7 << 76)
    value = value & ~(0b11 << 62) | (0b10 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_secret() -> str:
    """256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)
