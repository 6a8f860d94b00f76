"""Calls the core's expiry on a schedule."""

import asyncio
import logging
import time
from collections.abc import Callable

from server.core.chat import Chat
from server.core.rooms import Expired

log = logging.getLogger("hushwire.reaper")

INTERVAL_S = 0.5


async def reap(
    chat: Chat, on_expired: Callable[[Expired], None], on_lag: Callable[[float], None]
) -> None:
    """Expire what is due, twice a second, until cancelled.

    Args:
        on_expired: Told what each round took away.
        on_lag: Told by how many seconds the event loop was late.
    """
    while True:
        due = time.monotonic() + INTERVAL_S  # the loop's own clock may be as late as the loop
        await asyncio.sleep(INTERVAL_S)
        on_lag(max(0.0, time.monotonic() - due))
        try:
            await chat.sign_ins.expire()
        except Exception:  # one failing round must not end all later ones
            log.exception("reaper_failed")
        try:
            expired = await chat.rooms.expire()
        except Exception:
            log.exception("reaper_failed")
            continue
        on_expired(expired)
        if expired.rooms or expired.members:
            fields = {"rooms": expired.rooms, "members": expired.members}
            log.info("reaped", extra={"fields": fields})
