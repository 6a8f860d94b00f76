"""From one process to all: what happened."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from server.core.events import MessageSent, RoomEvent
from server.core.ids import RoomId

Deliver = Callable[[RoomEvent, int], None]
"""Takes an event and its place in its room's log, 0 for none; never waits."""


class Placed(Struct, frozen=True):
    """An event in a room's log."""

    place: int
    event: RoomEvent


class Missed(Struct, frozen=True):
    """What stands in a room's log after some place, in order, and the newest place there."""

    events: tuple[Placed, ...]
    place: int


class Broker(Protocol):
    """Tells every process, this one included, what happened in a room, in one order.

    Each event of a room has a place in its log: the next number after the last one's, in which
    order all processes hear them, each once. Events of the moment (`core.events.MOMENTARY`)
    have place 0: they come in order too, but are not remembered, and are lost where a process
    cannot be reached. A process hears of the rooms alone that somebody here is attached to, or
    is about to be. Of `ConnectionAttached` only the process of that connection hears, with the
    place from which on the connection is to be told.
    """

    async def publish(self, event: RoomEvent) -> None:
        """Tell what has happened.

        Raises:
            AppError: UNAVAILABLE; then nobody may have heard of it.
        """
        ...

    async def follow(self, events: Sequence[RoomEvent]) -> None:
        """Tell what a store says has happened, unless the store has told it itself."""
        ...

    async def said(self, event: MessageSent, *, is_repeat: bool) -> None:
        """Tell of a message that a store has kept, and wait until all here were told of it.

        Who is answered with its place in the sequence counts on knowing all before it: what
        comes back from there on is all that it missed.

        Args:
            is_repeat: It was told when it was kept; that is waited for.

        Raises:
            AppError: UNAVAILABLE; they will be.
        """
        ...

    def hearing(self, room_id: RoomId) -> AbstractAsyncContextManager[None]:
        """Hear of a room from now on, before somebody here is attached to it.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...

    def unheard(self, room_id: RoomId) -> None:
        """Hear no more of a room to which nobody here is attached."""
        ...

    def subscribe(self, deliver: Deliver) -> None:
        """Have `deliver` called for each event."""
        ...

    async def missed(self, room_id: RoomId, place: int) -> Missed | None:
        """What happened after a place; None if that is no longer known.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...
