"""What is told when tokens end before their time: to whoever holds connections open by them."""

import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum

from msgspec import Struct

from server.core.ids import DeviceId, UserId

log = logging.getLogger("hushwire.access")


class EndReason(StrEnum):
    SIGNED_OUT = "signed_out"
    DEVICE_REVOKED = "device_revoked"
    TOKEN_REUSED = "token_reused"  # noqa: S105 - a word
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a word
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a word
    BANNED = "banned"
    DELETED = "deleted"


class AccessEnded(Struct, frozen=True, kw_only=True):
    """Tokens of an account that are good no more.

    Attributes:
        device_id: Whose they are; None for those of all devices.
        family_id: Of the one sign-in that has ended; None for all of the device or account.
        kept_family_id: The sign-in that goes on nevertheless, if there is one.
    """

    user_id: UserId
    reason: EndReason
    device_id: DeviceId | None = None
    family_id: str | None = None
    kept_family_id: str | None = None


Listener = Callable[[AccessEnded], Awaitable[None]]


class AccessEnds:
    """Tells listeners what has ended, after it was kept."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Have somebody told on this node; other nodes hear of it only through a listener."""
        self._listeners.append(listener)

    async def tell(self, ended: AccessEnded) -> None:
        """What has ended is over, whatever becomes of the connections: no failure goes up."""
        for listener in self._listeners:
            try:
                await listener(ended)
            except Exception:
                log.exception("access_end_not_told")
