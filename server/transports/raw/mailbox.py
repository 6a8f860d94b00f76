"""What one connection is told of its mail: all of it, in order, once.

It is subscribed before it reads what waits, so that nothing can come between; what comes twice
is told by its place in its stream. Whatever does not follow on what was told before, has the
store read again: so mail is found whose event was lost on its way here, or overtaken.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from server.core.errors import AppError
from server.core.ids import EventId
from server.core.ports import BacklogPage
from server.core.user_events import Mail, MailChanged

log = logging.getLogger("hushwire.raw")

ASK_AGAIN_S = 0.25
"""Until the store is asked again, if it did not answer."""

MAX_HELD = 256
"""Events that are held while the store is read; of more, it is read once more."""

MAX_WITHDRAWN = 1_000
"""Events that are noted as withdrawn while the store is read; what is more, may be told."""

MAX_CHANGED = 1_000
"""Changes that are held while the store is read; what is more, is told at once."""

Read = Callable[[Mapping[str, int]], Awaitable[BacklogPage]]
"""Reads what waits, but for what was told of each stream already."""


class Mailbox:
    """The mail of one connection.

    Args:
        read: None where nothing is kept: then what comes is told as it comes.
        tell: Writes one of them.
        may_tell: Waits until the client has taken most of what was written.
    """

    __slots__ = (
        "_changed", "_held", "_is_paused", "_is_stale", "_may_tell", "_read", "_reading", "_tell",
        "_told", "_withdrawn",
    )  # fmt: skip

    def __init__(
        self,
        read: Read | None,
        tell: Callable[[Mail | MailChanged], None],
        may_tell: Callable[[], Awaitable[None]],
    ) -> None:
        self._read = read
        self._tell = tell
        self._may_tell = may_tell
        self._told: dict[str, int] = {}
        self._held: list[Mail] = []
        self._withdrawn: set[tuple[str, int]] = set()
        self._changed: dict[tuple[str, int], MailChanged] = {}
        self._is_paused = True
        self._is_stale = False  # there may be more than is being read
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_in_step(self) -> bool:
        """It was told all that waits, and is told what comes as it comes."""
        return not (self._is_paused or self._reading)

    def resume(self) -> None:
        """Tell what waits, and then what comes."""
        self._is_paused = False
        self.refresh()

    def pause(self) -> None:
        """Tell nothing until `resume`."""
        self._is_paused = True
        self._held.clear()
        self._withdrawn.clear()
        self._changed.clear()
        if self._reading:
            self._reading.cancel()
            self._reading = None

    def refresh(self) -> None:
        """See whether there is something that was not told."""
        if self._reading:
            self._is_stale = True
        elif self._read and not self._is_paused:
            self._reading = asyncio.get_running_loop().create_task(self._catch_up(self._read))

    def take(self, mail: Mail) -> None:
        """Take what comes."""
        if self._is_paused:
            return
        if self._read is None:
            self._tell(mail)
        elif self._reading or not self._tell_next(mail):
            self._hold(mail)
            if not self._reading:
                self.refresh()

    def pass_over(self, mail: Mail) -> None:
        """Note what comes, and is not to be told, since this connection has caused it."""
        if self.is_in_step and self._is_next(mail):
            self._told[mail.stream] = mail.seq

    def spend_credit(self) -> bool:
        """Whether the client owes an acknowledgement: of mail it owes none."""
        return False

    def settle(self, event_id: EventId) -> None:
        """It is in no queue."""

    def withdraw(self, stream: str, seq: int) -> None:
        """Not tell what is withdrawn, if it was read or is held and was not told yet."""
        if self._reading and len(self._withdrawn) < MAX_WITHDRAWN:
            self._withdrawn.add((stream, seq))

    def change(self, event: MailChanged) -> None:
        """Tell that something says something else: after it, if it was read and was not told yet.

        Of several changes of one the last is enough.
        """
        if self._is_paused:
            return
        place = (event.stream, event.seq)
        if self._reading and (place in self._changed or len(self._changed) < MAX_CHANGED):
            self._changed[place] = event
        else:
            self._tell(event)

    def _hold(self, mail: Mail) -> None:
        if len(self._held) >= MAX_HELD:
            self._held.clear()
            self._is_stale = True
        self._held.append(mail)

    def _is_next(self, mail: Mail) -> bool:
        return mail.seq == self._told.get(mail.stream, 0) + 1

    def _tell_next(self, mail: Mail) -> bool:
        """Whether it follows on what was told, or was told before."""
        if self._is_next(mail):
            self._tell_new(mail)
        return mail.seq <= self._told.get(mail.stream, 0)

    def _tell_new(self, mail: Mail) -> bool:
        if mail.seq <= self._told.get(mail.stream, 0):
            return False
        self._told[mail.stream] = mail.seq
        if (mail.stream, mail.seq) not in self._withdrawn:
            self._tell(mail)
        return True

    async def _catch_up(self, read: Read) -> None:
        while True:
            self._is_stale = False
            covered = len(self._held)
            await self._tell_waiting(read)
            if not self._is_stale:
                self._tell_held(covered)
                if not self._held:
                    break
        self._reading = None
        self._tell_changes()

    def _tell_changes(self) -> None:
        changed, self._changed = self._changed, {}
        for place, event in changed.items():
            if place not in self._withdrawn:
                self._tell(event)
        self._withdrawn.clear()

    async def _tell_waiting(self, read: Read) -> None:
        while True:
            try:
                page = await read(self._told)
            except AppError:
                await asyncio.sleep(ASK_AGAIN_S)
                continue
            except Exception:  # whatever it is, the client must not be deaf from now on
                log.exception("internal_error")
                await asyncio.sleep(ASK_AGAIN_S)
                continue
            has_news = False
            for mail in page.mail:
                has_news = self._tell_new(mail) or has_news
                await self._may_tell()
            if page.is_all or not has_news:
                return

    def _tell_held(self, covered: int) -> None:
        """Tell what was held; what came after the read began only if it follows."""
        held, self._held = self._held, []
        # All before these was there when the store was read.
        for mail in _in_order(held[:covered]):
            self._tell_new(mail)
        self._held = [mail for mail in _in_order(held[covered:]) if not self._tell_next(mail)]


def _in_order(mail: Iterable[Mail]) -> list[Mail]:
    return sorted(mail, key=lambda one: one.seq)
