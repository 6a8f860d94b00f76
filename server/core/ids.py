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


class DeviceId(str):
    """Names a device of one user; chosen by the client."""

    __slots__ = ()


def as_written(user_id: Recipient) -> str | int:
    """A user id as its client wrote it: text, or a number."""
    return int(user_id) if type(user_id) is NumericUserId else str(user_id)


class MessageId(str):
    """Names a message within its room; a client that retries sends the same one again."""

    __slots__ = ()


class EventId(str):
    """Names an event among those of its sender, and in the queues where it waits."""

    __slots__ = ()


class WorkspaceId(str):
    """Names a workspace; made by `new_id`, or by whoever signs tokens that name it."""

    __slots__ = ()


class DocumentId(str):
    """Names a document of whoever has documents; a conversation of a workspace may belong to it."""

    __slots__ = ()


class FileId(str):
    """Names a file of a conversation; made by `new_id`."""

    __slots__ = ()


ConnectionId = NewType("ConnectionId", str)
"""One live connection of one browser tab or program."""

Identity = NewType("Identity", str)
"""One person in one room, across reconnections and changes of user id.

Whoever holds a member token *is* that identity; a user id alone proves nothing.
"""


class _RandomDigits:
    """Random hexadecimal digits for many ids at a time: each fetch is a call of the system."""

    _FETCHED_IDS = 400
    _BYTES = 10

    def __init__(self) -> None:
        self._unused: list[str] = []
        os.register_at_fork(after_in_child=self._unused.clear)  # it must not make our ids

    def take(self) -> str:
        """Twenty digits."""
        if not self._unused:
            fetched = os.urandom(self._FETCHED_IDS * self._BYTES)
            self._unused += fetched.hex(" ", self._BYTES).split()
        return self._unused.pop()


_random_digits = _RandomDigits()


_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""Digits that say of the rest how to read it; any one as likely as the others."""


def new_id() -> str:
    """A UUIDv7: unique, and later ids sort after earlier ones to the millisecond.

    It is no secret: see `new_secret` for those.
    """
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    digits = _random_digits.take()
    variant = _VARIANTS[digits[3]]
    return f"{stamp[:8]}-{stamp[8:]}-7{digits[:3]}-{variant}{digits[4:7]}-{digits[8:]}"


def new_node_id(number: int = 0) -> str:
    """Of a process, until it ends: its number on its machine, and random digits."""
    return f"{number}n{secrets.token_hex(6)}"


def new_secret() -> str:
    """256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)
