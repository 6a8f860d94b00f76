"""What waits for the devices of users."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from server.core.ids import DeviceId, UserId
from server.core.user_events import Mail


class BacklogPage(Struct, frozen=True):
    """Some of what waits, the oldest first, each stream in its order; and whether it is all."""

    mail: Sequence[Mail]
    is_all: bool


class Backlog(Protocol):
    """Mail that is kept for each device until that device has said that it has it.

    When mail is found, all before it in its stream that is for the device can be found too:
    nothing appears later before it.
    """

    async def after(
        self, user_id: UserId, device_id: DeviceId | None, told: Mapping[str, int], limit: int
    ) -> BacklogPage:
        """What waits for a device.

        Args:
            told: Of streams, up to which place the device was told on this connection, and
                is told no more now. Of other streams it was told nothing yet.
            limit: Of mail in a page; a page of large mail may have less.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...
