"""Which raw WebSockets of this process speak for which user, and how events reach them."""

import asyncio
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from server.core.chat import Chat
from server.core.errors import Code
from server.core.ids import ConnectionId, UserId
from server.core.ports import Backlog, BacklogPage, UserBroker
from server.core.ports.conversations import Device
from server.core.queued import QueuedEvent
from server.core.queues import device_of
from server.core.user_events import (
    DeviceRevoked,
    Mail,
    MailChanged,
    MailWithdrawn,
    SignInsEnded,
    UserEvent,
)
from server.transports.api import Api, Words
from server.transports.decode import to_json_bytes
from server.transports.frames import TEXT_OPCODE, frame
from server.transports.metrics import Traffic
from server.transports.raw.line import RawLine
from server.transports.raw.mailbox import Mailbox
from server.transports.raw.pump import Pump

log = logging.getLogger("hushwire.raw")

PAGE = 100
"""Of mail that is read at a time."""

_WHY: Mapping[type[UserEvent], str] = {
    DeviceRevoked: "this device was revoked",
    SignInsEnded: "the token is good no more; sign in again",
}
"""For those whose line ends."""

MAX_READS = 20
"""Backlogs that are read at the same time, after nothing was heard for a while."""


class UserHub:
    """Delivers events of users to their connections here, each encoded once.

    Args:
        chat: Of which an API's backlog is a part.
    """

    def __init__(self, chat: Chat, broker: UserBroker, traffic: Traffic) -> None:
        self._chat = chat
        self._broker = broker
        self._traffic = traffic
        self._lines: dict[UserId, dict[ConnectionId, RawLine]] = {}
        self._reads = asyncio.Semaphore(MAX_READS)
        self._event: UserEvent | None = None  # the last, and its frames by API
        self._frames: dict[str, bytes | None] = {}
        broker.subscribe(self.deliver, self._refresh_all)
        chat.queues.watch(self._devices)

    async def add(self, line: RawLine) -> None:
        """Tell a line from now on what happens; its mail when its mailbox is resumed.

        Raises:
            AppError: UNAVAILABLE: nothing can be heard.
        """
        user_id = line.user.user_id
        # Noted before it is heard: another line of the user that ends meanwhile leaves it heard.
        self._lines.setdefault(user_id, {})[line.caller.connection_id] = line
        await self._broker.hear(user_id)

    def lines_of(self, user_id: UserId) -> int:
        """How many lines of a user are here."""
        return len(self._lines.get(user_id, ()))

    def remove(self, line: RawLine) -> None:
        line.mailbox.pause()
        user_id = line.user.user_id
        lines = self._lines.get(user_id, {})
        if lines.pop(line.caller.connection_id, None):
            self._broker.unhear(user_id)
        if not lines:
            self._lines.pop(user_id, None)

    def mailbox(self, line: RawLine) -> Mailbox | Pump:
        """A mailbox for a line, or the pump of its queue, which is to be resumed after `add`."""
        socket = line.api.socket
        if socket and socket.queued:
            return self._pump(line, socket.queued)
        backlog = socket.backlog(self._chat) if socket and socket.backlog else None
        read = functools.partial(self._read, backlog, line) if backlog else None
        return Mailbox(read, functools.partial(self._tell, line), line.has_room)

    def _pump(self, line: RawLine, render: Callable[[UserId, QueuedEvent], Words]) -> Pump:
        queues, device = self._chat.queues, device_of(line.user)

        def tell(event: QueuedEvent) -> None:
            try:
                frames = frame(TEXT_OPCODE, to_json_bytes(render(device.user_id, event)))
            except Exception:  # of one event, after which there are others
                log.exception("internal_error")
                return
            line.tell(frames)
            self._traffic.bytes_out += len(frames)
            self._traffic.delivered(f"{line.api.name}:event", 1)

        return Pump(
            see=lambda: queues.see([device]),
            read=functools.partial(self._read_queue, device),
            waiting=functools.partial(queues.waiting, device),
            tell=tell,
            may_tell=line.has_room,
        )

    async def _read_queue(self, device: Device, seq: int, limit: int) -> Sequence[QueuedEvent]:
        async with self._reads:
            return await self._chat.queues.after(device, seq, limit)

    def _devices(self) -> list[Device]:
        """Those whose queues are told here."""
        told = (one for one in self._all() if one.api.socket and one.api.socket.queued)
        return [device_of(one.user) for one in told]

    async def tell_standing(self, line: RawLine) -> None:
        """Tell a line that has just been added what still holds."""
        if line.api.socket and line.api.socket.standing:
            for event in await line.api.socket.standing(self._chat, line.user):
                if not line.is_muted:
                    self._send(line, event)

    # --- delivering ---

    def deliver(self, user_id: UserId, event: UserEvent) -> None:
        """Tell the lines of one user whom an event concerns; never waits."""
        for line in list(self._lines.get(user_id, {}).values()):
            if event.device_id in (None, line.user.device_id):
                self._deliver_to(line, event)
        if isinstance(event, DeviceRevoked | SignInsEnded):
            self._close_ended(user_id, event)

    def _deliver_to(self, line: RawLine, event: UserEvent) -> None:
        is_own = event.skip == line.caller.connection_id
        if isinstance(event, MailWithdrawn):
            line.mailbox.withdraw(event.stream, event.seq)
        if isinstance(event, line.wakes):
            line.mailbox.refresh()
        elif isinstance(event, MailChanged):
            line.mailbox.change(event)
        elif isinstance(event, Mail):
            (line.mailbox.pass_over if is_own else line.mailbox.take)(event)
        elif not is_own and not line.is_muted:
            self._send(line, event)

    def _send(self, line: RawLine, event: UserEvent) -> None:
        if frames := self._frames_of(line.api, event):
            line.send(frames)
            self._traffic.bytes_out += len(frames)

    def _tell(self, line: RawLine, mail: Mail | MailChanged) -> None:
        """Send mail: what comes as it comes within the bound, what waited as it is taken."""
        if line.mailbox.is_in_step:
            self._send(line, mail)
        elif frames := self._frames_of(line.api, mail):
            line.tell(frames)
            self._traffic.bytes_out += len(frames)

    def _close_ended(self, user_id: UserId, event: DeviceRevoked | SignInsEnded) -> None:
        for line in list(self._lines.get(user_id, {}).values()):
            if event.ends(line.user.device_id, line.user.family_id):
                line.shut(Code.UNAUTHENTICATED, _WHY[type(event)])

    def _frames_of(self, api: Api, event: UserEvent) -> bytes | None:
        """An event in the words of an API; None if it has none."""
        if event is not self._event:
            self._event, self._frames = event, {}
        if api.name not in self._frames:
            self._frames[api.name] = _encoded(api, event)
        frames = self._frames[api.name]
        if frames:
            self._traffic.delivered(f"{api.name}:{type(event).__name__}", 1)
        return frames

    # --- what waits ---

    async def _read(self, backlog: Backlog, line: RawLine, told: dict[str, int]) -> BacklogPage:
        async with self._reads:
            return await backlog.after(line.user.user_id, line.user.device_id, told, PAGE)

    def _refresh_all(self) -> None:
        for line in self._all():
            line.mailbox.refresh()

    def _all(self) -> Iterator[RawLine]:
        for lines in self._lines.values():
            yield from lines.values()


def _encoded(api: Api, event: UserEvent) -> bytes | None:
    render = api.socket.events.get(type(event)) if api.socket else None
    if render is None:
        return None
    try:
        return frame(TEXT_OPCODE, to_json_bytes(render(event)))
    except Exception:  # of one event, after which there will be others to hear of
        log.exception("internal_error")
        return None
