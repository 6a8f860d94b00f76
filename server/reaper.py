"""Calls the core's expiry on a schedule."""

import asyncio
import logging
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
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL_S
        await asyncio.sleep(INTERVAL_S)
        on_lag(max(0.0, loop.time() - due))
        try:
            expired = await chat.rooms.expire()
        except Exception:  # one failing round must not end all later ones
            log.exception("reaper_failed")
            continue
        on_expired(expired)
        if expired.rooms or expired.members:
            fields = {"rooms": expired.rooms, "members": expired.members}
            log.info("reaped", extra={"fields": fields})
