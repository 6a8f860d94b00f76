"""What waits for a client that polls, and its poll that waits for it."""

import asyncio
from collections import deque

from server.transports.socketio.outgoing import NOOP, Outgoing

MAX_PACKETS = 16
"""In one answer to a poll: clients of python-engineio drop longer ones."""


class OverlapError(Exception):
    """Two polls at the same time: the order of what they get would be chance."""


class Poller:
    """The outbox of one polling connection.

    Attributes:
        unsent_bytes: Of all that waits.
        is_polling: A poll waits.
        is_moving: The client tries another transport, and lets no poll wait meanwhile.
    """

    __slots__ = ("_allowance", "_outbox", "_poll", "is_moving", "unsent_bytes")

    def __init__(self) -> None:
        self._outbox: deque[Outgoing | str] = deque()
        self._poll: asyncio.Future[None] | None = None
        self._allowance = 0
        self.is_moving = False
        self.unsent_bytes = 0

    @property
    def is_polling(self) -> bool:
        return self._poll is not None

    def put(self, outgoing: Outgoing, max_unsent_bytes: int) -> bool:
        """Have the next poll answered with it; False if too much waits already."""
        self._outbox.append(outgoing)
        self.unsent_bytes += outgoing.size_bytes
        self._wake()
        return self.unsent_bytes <= max_unsent_bytes + self._allowance

    def answer(self, outgoing: Outgoing) -> None:
        """The same for what the client asked for, which is outside the bound."""
        self._allowance += outgoing.size_bytes
        self.put(outgoing, 0)

    def close(self, farewell: Outgoing) -> None:
        """Tell the poll that waits, or the next."""
        self._outbox.append(farewell)
        self._wake()

    def move(self) -> None:
        """From now on a poll is answered at once, with `NOOP` if there is nothing else."""
        self.is_moving = True
        self._wake()

    def take_all(self) -> list[Outgoing]:
        """What is left, for another transport."""
        left = [one for one in self._outbox if isinstance(one, Outgoing)]
        self._forget_all()
        return left

    async def poll(self) -> list[str]:
        """The next packets, once there are any.

        Raises:
            OverlapError: Another poll waits.
        """
        if self._poll is not None:
            raise OverlapError
        if not self._outbox and not self.is_moving:
            self._poll = asyncio.get_running_loop().create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        return self._take() or NOOP.packets()

    def _take(self) -> list[str]:
        packets: list[str] = []
        while self._outbox and len(packets) < MAX_PACKETS:
            next_one = self._outbox.popleft()
            if isinstance(next_one, Outgoing):
                self.unsent_bytes -= next_one.size_bytes
                packets += next_one.packets()
            else:
                packets.append(next_one)
        # An attachment may stand for itself: it is a packet of its own.
        self._outbox.extendleft(reversed(packets[MAX_PACKETS:]))
        if not self._outbox:
            self._allowance = 0
        return packets[:MAX_PACKETS]

    def _forget_all(self) -> None:
        self._outbox.clear()
        self.unsent_bytes = self._allowance = 0

    def _wake(self) -> None:
        if self._poll and not self._poll.done():
            self._poll.set_result(None)
