"""What waits for a client that polls, and its poll that waits for it."""

import asyncio
from collections import deque

from server.transports.socketio.outgoing import CLOSE, NOOP, Outgoing

MAX_PACKETS = 16
"""In one answer to a poll: clients of python-engineio drop longer ones. An event has 11 at most."""


class OverlapError(Exception):
    """Two polls at the same time: the order of what they get would be chance."""


class Poller:
    """The outbox of one polling connection.

    Attributes:
        unsent_bytes: Of all that waits.
        is_polling: A poll waits.
        is_moving: The client tries another transport, and lets no poll wait meanwhile.
    """

    __slots__ = (
        "_allowance",
        "_fetched",
        "_has_ended",
        "_outbox",
        "_poll",
        "is_moving",
        "unsent_bytes",
    )

    def __init__(self) -> None:
        self._outbox: deque[tuple[Outgoing, bool]] = deque()  # with whether it was asked for
        self._poll: asyncio.Future[None] | None = None
        self._allowance = 0  # unsent bytes that were asked for
        self._fetched: asyncio.Future[None] | None = None  # while somebody waits for it
        self._has_ended = False
        self.is_moving = False
        self.unsent_bytes = 0

    @property
    def is_polling(self) -> bool:
        return self._poll is not None

    def put(self, outgoing: Outgoing, max_unsent_bytes: int) -> bool:
        """Have the next poll answered with it; False if too much waits already."""
        self._add(outgoing, is_answer=False)
        return self.unsent_bytes <= max_unsent_bytes + self._allowance

    def answer(self, outgoing: Outgoing) -> None:
        """The same for what the client asked for, which is outside the bound."""
        self._allowance += outgoing.size_bytes
        self._add(outgoing, is_answer=True)

    def close(self, farewell: Outgoing) -> None:
        """Tell the poll that waits, or the next."""
        self._add(farewell, is_answer=False)
        self._has_ended = True
        self._tell_fetched()

    async def finish(self, farewell: Outgoing) -> None:
        """Take nothing more, and wait until all is fetched, the farewell at the end of it."""
        self._add(farewell, is_answer=False)
        self._has_ended = True
        if self._outbox:
            self._fetched = asyncio.get_running_loop().create_future()
            await self._fetched

    def move(self) -> None:
        """From now on a poll is answered at once, with `NOOP` if there is nothing else."""
        self.is_moving = True
        self._wake()

    def take_all(self) -> list[Outgoing]:
        """What is left, for another transport."""
        left = [outgoing for outgoing, _ in self._outbox]
        self._outbox.clear()
        self.unsent_bytes = self._allowance = 0
        self._tell_fetched()
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

    def _add(self, outgoing: Outgoing, *, is_answer: bool) -> None:
        if self._has_ended:
            return
        self._outbox.append((outgoing, is_answer))
        self.unsent_bytes += outgoing.size_bytes
        self._wake()

    def _take(self) -> list[str]:
        packets: list[str] = []
        while self._outbox and len(packets) + self._outbox[0][0].count <= MAX_PACKETS:
            if packets and self._outbox[0][0] is CLOSE:
                # Official clients take note of events a moment later than of the end: with it,
                # they would hear of them, but not remember that, and be told once more.
                break
            outgoing, is_answer = self._outbox.popleft()
            self.unsent_bytes -= outgoing.size_bytes
            if is_answer:
                self._allowance -= outgoing.size_bytes
            packets += outgoing.packets()
        if not self._outbox:
            self._tell_fetched()
        return packets

    def _tell_fetched(self) -> None:
        if self._fetched and not self._fetched.done():
            self._fetched.set_result(None)

    def _wake(self) -> None:
        if self._poll and not self._poll.done():
            self._poll.set_result(None)
