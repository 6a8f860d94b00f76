"""Calls the core's expiry on a schedule."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.expired import Expired

log = logging.getLogger("hushwire.reaper")

INTERVAL_S = 0.5


class _Part(Protocol):
    """A part of the core of which something can be over."""

    async def expire(self) -> Expired | None: ...


async def reap(
    chat: Chat, on_expired: Callable[[Expired], None], on_lag: Callable[[float], None]
) -> None:
    """Expire what is due, twice a second, until cancelled.

    Args:
        on_expired: Told what was taken away.
        on_lag: Told by how many seconds the event loop was late.
    """
    async with asyncio.TaskGroup() as rounds:
        rounds.create_task(_reap_quickly(chat, on_expired, on_lag))
        for part in _slow(chat):
            rounds.create_task(_reap_slowly(part))


async def _reap_quickly(
    chat: Chat, on_expired: Callable[[Expired], None], on_lag: Callable[[float], None]
) -> None:
    while True:
        due = time.monotonic() + INTERVAL_S  # the loop's own clock may be as late as the loop
        await asyncio.sleep(INTERVAL_S)
        on_lag(max(0.0, time.monotonic() - due))
        expired = await _round(_quick(chat))
        on_expired(expired)
        if expired.rooms or expired.members:
            fields = {"rooms": expired.rooms, "members": expired.members}
            log.info("reaped", extra={"fields": fields})


async def _reap_slowly(part: _Part) -> None:
    while True:
        await asyncio.sleep(INTERVAL_S)
        await _round([part])


def _quick(chat: Chat) -> Iterable[_Part]:
    """What people notice when it is late, as that somebody has left."""
    sign_ins = (chat.sign_ins, chat.chat_sign_ins, chat.socket_sign_ins)
    rooms_and_mail = (chat.rooms, chat.groups, chat.mail, chat.queues)
    people = (chat.accounts, chat.identities, chat.presences, chat.revocations)
    return (*sign_ins, *rooms_and_mail, chat.recoveries, *people, chat.attendance, chat.standings)


def _slow(chat: Chat) -> Iterable[_Part]:
    """What may take long, as from a bucket that hangs, and nobody notices: each by itself."""
    return (chat.files, chat.rotation)


async def _round(parts: Iterable[_Part]) -> Expired:
    rooms = members = 0
    for part in parts:
        try:
            expired = await part.expire()
        except AppError as error:
            # Whatever is away, operators are told of it elsewhere, and not twice a second.
            if error.code is not Code.UNAVAILABLE:
                log.exception("reaper_failed")
            continue
        except Exception:  # one that fails must not end all later rounds, nor the others of this
            log.exception("reaper_failed")
            continue
        if expired:
            rooms += expired.rooms
            members += expired.members
    return Expired(rooms, members)
