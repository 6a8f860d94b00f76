"""Messages of a conversation are told in their order, and none of them is left out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import structs

from server.core.errors import AppError
from server.core.ids import RoomId, WorkspaceId
from server.core.workspaces.events import PostStored
from server.core.workspaces.values import Post

GAP_S = 0.1
"""For what is missing to come by itself, before it is read."""

READ_AGAIN_S = 0.5
"""After the store could not be asked."""

MAX_HELD = 200
"""Messages that wait for one before them, or that are read at once."""

MAX_READS = 20
"""Conversations that are read at the same time, after events may have been lost."""

Read = Callable[[RoomId, int, int], Awaitable[Sequence[Post]]]


class Order:
    """What of a conversation was told to those who are here.

    Args:
        read: What was stored after a sequence, in order, and no more than so many.
        tell: Takes the next message.
        give_up: Called where too much is missing to be told: clients are to read for themselves.
        reads: Bounds how many read at the same time.
    """

    def __init__(
        self,
        workspace_id: WorkspaceId,
        room_id: RoomId,
        *,
        read: Read,
        tell: Callable[[PostStored], None],
        give_up: Callable[[], None],
        reads: asyncio.Semaphore,
    ) -> None:
        self._workspace_id = workspace_id
        self._room_id = room_id
        self._read = read
        self._tell = tell
        self._give_up = give_up
        self._reads = reads
        self._told_seq: int | None = None  # nothing was told yet, and nobody has counted
        self._held: dict[int, PostStored] = {}
        self._awaited = 0
        self._timer: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[None] | None = None

    def begin(self, seq: int) -> None:
        """Somebody who comes knows all up to there."""
        if self._told_seq is None:
            self._told_seq = seq

    def take(self, event: PostStored) -> None:
        """Tell a message, if it is the next; else when what is before it was told."""
        seq = event.post.message.seq
        if self._told_seq is not None and seq <= self._told_seq:
            return
        if self._told_seq is None or seq == self._told_seq + 1:
            self._told_seq = seq
            self._tell(event)
            self._go_on()
            return
        self._held[seq] = event
        if len(self._held) > MAX_HELD:
            self._begin_anew()
        else:
            self._wait()

    def awaits(self, seq: int) -> bool:
        """Whether a message is still to be told; then it is read if it does not come by itself."""
        if self._told_seq is None or seq <= self._told_seq:
            return False
        self._awaited = max(self._awaited, seq)
        self._wait()
        return True

    def doubt(self) -> None:
        """Something may have been lost: look now."""
        if self._told_seq is None:
            self._begin_anew()
        elif self._reading is None:
            self._read_in(0)

    def close(self) -> None:
        """Tell nothing more."""
        if self._timer:
            self._timer.cancel()
        if self._reading:
            self._reading.cancel()

    # --- gaps ---

    def _wait(self) -> None:
        """Let what is missing come by itself."""
        if self._timer is None and self._reading is None:
            self._read_in(GAP_S)

    def _read_in(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin_reading)

    def _begin_reading(self) -> None:
        self._timer = None
        if self._reading is None and self._told_seq is not None:
            self._reading = asyncio.get_running_loop().create_task(self._fill(self._told_seq))

    async def _fill(self, told_seq: int) -> None:
        horizon = told_seq
        try:
            async with self._reads:
                horizon = max(told_seq, self._awaited, *self._held)
                found = await self._read(self._room_id, told_seq, MAX_HELD + 1)
        except AppError:
            self._reading = None
            self._read_in(READ_AGAIN_S)
            return
        self._reading = None
        if len(found) > MAX_HELD:
            self._begin_anew()
        else:
            self._told_all(found, horizon)

    def _told_all(self, found: Sequence[Post], horizon: int) -> None:
        """Tell what was read. What was not found up to the horizon is no more."""
        for post in found:
            seq = post.message.seq
            if self._told_seq is None or seq > self._told_seq:
                self._told_seq = seq
                self._tell(self._event_of(post))
        self._told_seq = max(self._told_seq or 0, horizon)
        self._held = {seq: event for seq, event in self._held.items() if seq > self._told_seq}
        self._go_on()

    def _go_on(self) -> None:
        """Tell what waited for what was just told."""
        while self._held and self._told_seq is not None:
            if self._told_seq + 1 not in self._held:
                self._wait()
                return
            self._told_seq += 1
            self._tell(self._held.pop(self._told_seq))
        if self._awaited > (self._told_seq or 0):
            self._wait()
        elif self._timer:
            self._timer.cancel()
            self._timer = None

    def _begin_anew(self) -> None:
        self._told_seq = max(self._held, default=None)
        self._held.clear()
        self._awaited = 0
        self._give_up()

    def _event_of(self, post: Post) -> PostStored:
        """Of a message as it was read, which may have changed since it was held."""
        if held := self._held.get(post.message.seq):
            return structs.replace(held, post=post)
        return PostStored(
            workspace_id=self._workspace_id,
            room_id=self._room_id,
            only=post.message.sender if post.is_withheld else None,
            post=post,
        )
